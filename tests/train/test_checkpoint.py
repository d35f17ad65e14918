"""Checkpoints: one file, loaded without running code, clear about what is wrong with it."""

import pytest
import torch

from shm_deploy.errors import ArtifactError, SpecError
from shm_train.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from shm_train.networks import LiveConfig, SemanticHumanMatting


@pytest.fixture(scope="module")
def checkpoint():
    torch.manual_seed(0)
    network = SemanticHumanMatting(LiveConfig())
    return Checkpoint(config=network.config, weights=network.state_dict(), training={"step": 7})


def test_what_was_saved_is_loaded(checkpoint, tmp_path):
    """Config, weights and training state survive; the network runs in evaluation mode."""
    save_checkpoint(tmp_path / "e2e.pt", checkpoint)
    loaded = load_checkpoint(tmp_path / "e2e.pt")
    assert loaded.config == checkpoint.config
    assert loaded.training == {"step": 7}
    assert all(torch.equal(loaded.weights[name], tensor) for name, tensor in checkpoint.weights.items())
    assert not loaded.network().training


def test_half_weights_are_widened(checkpoint, tmp_path):
    """Files that ship store halves; the network computes in float32."""
    halves = {
        name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in checkpoint.weights.items()
    }
    save_checkpoint(tmp_path / "half.pt", Checkpoint(config=checkpoint.config, weights=halves))
    network = load_checkpoint(tmp_path / "half.pt").network()
    assert {parameter.dtype for parameter in network.parameters()} == {torch.float32}


def test_a_failed_write_keeps_the_last_good_file(checkpoint, tmp_path, monkeypatch):
    """A full disk loses the new checkpoint, never the old one, and leaves nothing beside it."""
    path = tmp_path / "e2e.pt"
    save_checkpoint(path, checkpoint)

    def full_disk(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full_disk)
    with pytest.raises(OSError, match="No space left"):
        save_checkpoint(path, Checkpoint(config=checkpoint.config, weights={}))
    assert load_checkpoint(path).training == {"step": 7}
    assert [file.name for file in tmp_path.iterdir()] == ["e2e.pt"]


def test_a_missing_file_is_named(tmp_path):
    """The message has the path."""
    with pytest.raises(ArtifactError, match=r"no checkpoint .*gone\.pt"):
        load_checkpoint(tmp_path / "gone.pt")


def test_a_network_of_another_version_is_refused(checkpoint, tmp_path):
    """Its file is named, and what in its config is unknown."""
    path = tmp_path / "e2e.pt"
    save_checkpoint(path, checkpoint)
    record = torch.load(path, weights_only=True)
    record["config"]["mnet_widths"] = (32, 48)
    torch.save(record, path)
    with pytest.raises(ArtifactError, match=r"e2e\.pt has a LiveConfig .* got mnet_widths \(32, 48\)"):
        load_checkpoint(path)


def test_a_truncated_file_is_refused(checkpoint, tmp_path):
    """Half a file is no checkpoint, and says so."""
    path = tmp_path / "e2e.pt"
    save_checkpoint(path, checkpoint)
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(ArtifactError, match="truncated"):
        load_checkpoint(path)


def test_text_is_refused(tmp_path):
    """A file of another kind is no checkpoint."""
    path = tmp_path / "notes.pt"
    path.write_text("hello")
    with pytest.raises(ArtifactError, match="can't be read as a checkpoint"):
        load_checkpoint(path)


def test_a_foreign_pytorch_file_is_refused(tmp_path):
    """ImageNet weights are not a checkpoint; the message says where they go."""
    path = tmp_path / "resnet50.pt"
    torch.save({"conv1.weight": torch.zeros(1)}, path)
    with pytest.raises(ArtifactError, match="--init"):
        load_checkpoint(path)


def test_a_pickle_with_code_does_not_run(tmp_path):
    """Loading is weights_only: an object that would execute on load is refused."""

    class Trap:
        def __reduce__(self):
            return print, ("the trap ran",)

    path = tmp_path / "trap.pt"
    torch.save({"format": Trap()}, path)
    with pytest.raises(ArtifactError, match="can't be read"):
        load_checkpoint(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema_version": 99}, "schema version 99"),
        ({"config": {"variant": "giant"}}, "variant 'giant'"),
        ({"config": {"variant": "live", "num_heads": 8}}, "num_heads"),
    ],
    ids=["future", "variant", "config"],
)
def test_checkpoints_from_the_future_are_refused(checkpoint, tmp_path, change, message):
    """A newer schema, variant or config is named, not half-loaded."""
    path = tmp_path / "e2e.pt"
    save_checkpoint(path, checkpoint)
    record = torch.load(path, weights_only=True)
    torch.save({**record, **change}, path)
    with pytest.raises(ArtifactError, match=message):
        load_checkpoint(path)


def test_weights_that_do_not_fit_are_refused(checkpoint):
    """A config and weights of different networks are told apart before anything runs."""
    with pytest.raises(ArtifactError, match="do not fit its live config"):
        Checkpoint(config=LiveConfig(tnet_width=16), weights=checkpoint.weights).network()


def test_ablations_are_not_served(checkpoint):
    """They are judged; export and applications, which know Eq. 4 only, refuse them."""
    weights = SemanticHumanMatting(LiveConfig(method="no_fusion")).state_dict()
    ablation = Checkpoint(config=LiveConfig(method="no_fusion"), weights=weights)
    with pytest.raises(SpecError, match="judge this one with shm-eval"):
        ablation.served_network()
    assert not checkpoint.served_network().training
