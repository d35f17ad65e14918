"""What is installed, what runs here, and what to do about the rest."""

from shm_deploy.doctor.examination import Examination, examine

__all__ = ["Examination", "examine"]
