"""How good a checkpoint is: the paper's metrics, tables and pictures, beside its baselines."""
