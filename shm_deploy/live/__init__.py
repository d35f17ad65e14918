"""Live frames: a camera, an address or a pipe in; a window, a virtual camera, a stream, a file or a pipe out."""
