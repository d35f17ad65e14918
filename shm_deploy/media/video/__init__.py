"""Video files, by PyAV (extra [video])."""
