"""The kind `tiny-network`: its name, its table in the job file, and its class. Checking a job file imports no Keras."""

from pydantic import PositiveInt

from survey_batch.models import ClassifierKind, NetworkTraining


class TinyTraining(NetworkTraining):
    """The table `[train]`: its own keys, besides those of every network (epochs, batch, learning_rate, …)."""

    bins: PositiveInt = 60
    """Parts of equal width that a spectrum is divided into."""
    units: PositiveInt = 32
    """Size of the hidden layer."""


TINY_NETWORK = ClassifierKind("tiny-network", TinyTraining, {"dense": "small_classifier.network:TinyNetwork"})
