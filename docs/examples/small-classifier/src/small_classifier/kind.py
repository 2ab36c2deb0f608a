"""The kinds of this package: name, table in the job file, and class of each. Checking a job file imports no Keras."""

from pydantic import PositiveInt

from survey_batch.models import ClassifierKind, NetworkTraining, TrainingSection


class TinyTraining(NetworkTraining):
    """The table `[train]`: its own keys, besides those of every network (epochs, batch, learning_rate, …)."""

    bins: PositiveInt = 60
    """Parts of equal width that a spectrum is divided into."""
    units: PositiveInt = 32
    """Size of the hidden layer."""


TINY_NETWORK = ClassifierKind("tiny-network", TinyTraining, {"dense": "small_classifier.network:TinyNetwork"})


class ForestTraining(TrainingSection):
    """The table `[train]` of `small-forest`. It has no epochs."""

    trees: PositiveInt = 100
    """Trees of the forest."""


SMALL_FOREST = ClassifierKind("small-forest", ForestTraining, {"forest": "small_classifier.forest:SmallForest"})
