"""Catalogues of millions of pictures: Ray Data runs the work, a Parquet manifest says what became of it."""
