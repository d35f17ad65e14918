"""The stages of training; a visible loop each."""
