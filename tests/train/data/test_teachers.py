"""Teachers: functions and models that say what an alpha is."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from shm_deploy.errors import ArtifactError, BackendUnavailable, SpecError
from shm_train.data.teachers import ask, load_teacher


@pytest.fixture
def teachers(tmp_path):
    """A file of good and bad teachers; `red` finds what is red."""
    file = tmp_path / "mine.py"
    file.write_text(
        "import numpy as np\n"
        "def red(image): return image[..., 0].astype(np.float32) / 255\n"
        "def bytes_(image): return image[..., 0]\n"
        "def small(image): return np.zeros((2, 2), np.float32)\n"
        "def loud(image): return np.full(image.shape[:2], 2, np.float32)\n"
        "def broken(image): return np.full(image.shape[:2], np.nan, np.float32)\n"
        "def needy(image): import package_that_nobody_has\n"
        "LIMIT = 3\n"
    )
    return file


IMAGE = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)


def test_a_python_function_is_a_teacher(teachers):
    """By its file and name."""
    alpha = load_teacher(f"{teachers}:red")(IMAGE)
    assert alpha.dtype == np.float32
    np.testing.assert_allclose(alpha, IMAGE[..., 0] / 255, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("bytes_", r"gave uint8 of \(20, 30\)"),
        ("small", r"gave float32 of \(2, 2\)"),
        ("loud", r"2.0\.\.2.0; wanted is 0\.\.1"),
        ("broken", "nan"),
        ("LIMIT", "no function LIMIT; it has broken, bytes_, loud, needy, red, small"),
    ],
)
def test_what_is_no_alpha_is_refused(teachers, name, message):
    """With the teacher's name and what it gave."""
    with pytest.raises(SpecError, match=message):
        load_teacher(f"{teachers}:{name}")(IMAGE)


def test_a_teacher_whose_package_is_missing_says_which(teachers):
    """When it is first asked, since many import late."""
    with pytest.raises(BackendUnavailable, match="pip install package_that_nobody_has"):
        load_teacher(f"{teachers}:needy")(IMAGE)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("import package_that_nobody_has.models", "pip install package_that_nobody_has$"),
        ("from numpy import what_numpy_has_not", "install the version that it wants"),
    ],
    ids=["package", "name"],
)
def test_a_teacher_whose_package_is_missing_is_not_loaded(tmp_path, line, message):
    """Most import at the top of their file."""
    file = tmp_path / "needy.py"
    file.write_text(f"{line}\ndef teach(image): return image[..., 0] / 255\n")
    with pytest.raises(BackendUnavailable, match=message):
        load_teacher(f"{file}:teach")


@pytest.mark.parametrize("name", ["nothing.py:red", "nothing.onnx"])
def test_a_missing_file_is_named(name):
    """Before any photograph is read."""
    with pytest.raises(ArtifactError, match="nothing"):
        load_teacher(name)


def test_a_name_of_neither_kind_is_refused():
    """The two kinds are said."""
    with pytest.raises(SpecError, match=r"FILE\.py:NAME or MODEL\.onnx"):
        load_teacher("rvm")


def model(path, *, shape, kind=TensorProto.FLOAT, outputs=("said",)):
    """A model whose every output is its input's first channel (NCHW) or row-wise first channel (NHWC)."""
    axis = 1 if kind == TensorProto.FLOAT else 3
    index = helper.make_tensor("zero", TensorProto.INT64, [1], [0])
    nodes = [helper.make_node("Gather", ["image", "zero"], [name], axis=axis) for name in outputs]
    if kind == TensorProto.UINT8:
        one = [helper.make_node("Gather", ["image", "zero"], ["plane"], axis=3)]
        nodes = one + [helper.make_node("Squeeze", ["plane", "last"], [name]) for name in outputs]
    last = helper.make_tensor("last", TensorProto.INT64, [1], [3])
    graph = helper.make_graph(
        nodes,
        "first",
        [helper.make_tensor_value_info("image", kind, shape)],
        [helper.make_tensor_value_info(name, kind, None) for name in outputs],
        [index, last],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path)
    return str(path)


@pytest.mark.parametrize(
    ("shape", "kind", "outputs"),
    [
        ((1, 3, None, None), TensorProto.FLOAT, ("said",)),
        ((1, None, None, 3), TensorProto.UINT8, ("trimap", "alpha")),
        ((1, 3, 40, 60), TensorProto.FLOAT, ("said",)),
    ],
    ids=["floats", "bytes", "fixed size"],
)
def test_a_model_is_a_teacher(tmp_path, shape, kind, outputs):
    """Floats or bytes, of any size or of its own: the first channel, as all of these models give it."""
    flat = np.full((20, 30, 3), (51, 0, 255), np.uint8)
    alpha = load_teacher(model(tmp_path / "m.onnx", shape=shape, kind=kind, outputs=outputs))(flat)
    assert alpha.shape == (20, 30)
    np.testing.assert_allclose(alpha, 0.2, atol=1e-6)


def test_a_model_of_another_kind_is_refused(tmp_path):
    """Two outputs, none of them called alpha: which one is meant is not guessed."""
    with pytest.raises(ArtifactError, match="an output called alpha, or only one"):
        load_teacher(model(tmp_path / "m.onnx", shape=(1, 3, None, None), outputs=("one", "two")))


def test_teachers_scales_and_mirror_images_are_averaged():
    """One says 1 on the left quarter, one nothing: the mean of both and of their mirror images, by hand."""

    def left(image):
        alpha = np.zeros(image.shape[:2], np.float32)
        alpha[:, : image.shape[1] // 4] = 1
        return alpha

    def nothing(image):
        return np.zeros(image.shape[:2], np.float32)

    image = np.zeros((8, 16, 3), np.uint8)
    mean = ask([left, nothing], image, (1.0, 0.5), flip=True)
    np.testing.assert_allclose(mean[:, :3], 0.25)
    np.testing.assert_allclose(mean[:, 6:10], 0, atol=1e-6)
    np.testing.assert_allclose(mean[:, 13:], 0.25)
    np.testing.assert_allclose(ask([left], image, (1.0,), flip=False), left(image))


def test_a_teacher_sees_each_scale():
    """Twice as wide at scale 2."""
    seen = []

    def look(image):
        seen.append(image.shape)
        return np.zeros(image.shape[:2], np.float32)

    ask([look], np.zeros((8, 16, 3), np.uint8), (1.0, 2.0, 0.5), flip=False)
    assert seen == [(8, 16, 3), (16, 32, 3), (4, 8, 3)]
