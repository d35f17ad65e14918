"""The stages of an export, in their order; what comes out lies in place whole and checked, or not at all."""

from __future__ import annotations
