"""A Progress that keeps what it was told."""

from modelbundle.bundler.progress import NullProgress


class RecordedProgress(NullProgress):
    """The texts of all steps, and of all warnings, in their order."""

    def __init__(self):
        self.steps, self.warnings = [], []

    def step(self, text):
        self.steps.append(text)

    def warning(self, text):
        self.warnings.append(text)
