"""What stops a step of the registry."""


class StepFailed(Exception):
    """One sentence for the person at the terminal: what is wrong and what to do. Never names a person."""


class NotThere(StepFailed):
    """What a page is about does not exist."""
