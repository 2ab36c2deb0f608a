"""The kinds of classifier that come with this package; `pyproject.toml` registers each as an entry point."""

from survey_batch.config.classifiers import ClassifierKind
from survey_batch.config.sections.train_embedding import EmbeddingTraining
from survey_batch.config.sections.train_galaxies import GalaxyTraining
from survey_batch.config.sections.train_images import ImageTraining
from survey_batch.config.sections.train_psf_stars import PsfStarTraining
from survey_batch.config.sections.train_quantities import QuantitiesTraining
from survey_batch.config.sections.train_spectral_type import SpectralTypeTraining
from survey_batch.config.sections.train_stamps import StampTraining
from survey_batch.config.sections.train_table import TableTraining
from survey_batch.config.sections.training_base import TrainingSection

SPECTRAL_TYPE = ClassifierKind(
    "spectral-type",
    SpectralTypeTraining,
    {
        "forest": "survey_batch.models.spectral_forest:SpectralForest",
        "lines": "survey_batch.models.spectral_type:SpectralTypeClassifier",
        "convolution": "survey_batch.models.spectral_convolution:SpectralConvolution",
        "published": "survey_batch.models.published_spectral_type:PublishedSpectralType",
    },
    seconds={"lines": 1.0e-3, "convolution": 6.1e-4},  # benchmarks.scale, benchmarks.predict
)

GALAXY_QUASAR_STAR = ClassifierKind(
    "galaxy-quasar-star",
    GalaxyTraining,
    {
        "convolution": "survey_batch.models.galaxy_quasar_star:GalaxyQuasarStar",
        "published-cnn": "survey_batch.models.published_galaxy:PublishedCNN",
        "published-svm": "survey_batch.models.published_galaxy:PublishedSVM",
        "published-forest": "survey_batch.models.published_galaxy:PublishedForest",
    },
)

STELLAR_IMAGE = ClassifierKind(
    "stellar-image",
    ImageTraining,
    {
        "cnn": "survey_batch.models.stellar_image:ImageCNN",
        "small-vit": "survey_batch.models.stellar_image:SmallViT",
        "vit": "survey_batch.models.vit:ViT",
    },
    seconds={"vit": 0.33},  # six images a second on two quiet cores
)

STAMP_TYPE = ClassifierKind(
    "stamp-type",
    StampTraining,
    {
        "likelihood": "survey_batch.models.stamp_likelihood:StampLikelihood",
        "pca-mlp": "survey_batch.models.published_stamps:ComponentsMLP",
        "cnn-mlp": "survey_batch.models.published_stamps:StampCNN",
        "svm-psf": "survey_batch.models.published_stamps:SimilaritySVM",
    },
)

PSF_STAR = ClassifierKind(
    "psf-star",
    PsfStarTraining,
    {
        "cnn": "survey_batch.models.psf_star:PsfStarCNN",
        "published": "survey_batch.models.psf_star:PublishedPsfStar",
    },
)

ADOPTED = ClassifierKind(
    "adopted",
    TrainingSection,
    {
        "onnx": "survey_batch.models.adopted_onnx:AdoptedOnnx",
        "keras": "survey_batch.models.adopted_keras:AdoptedKeras",
        "skops": "survey_batch.models.adopted_skops:AdoptedSkops",
    },
    trained_here=False,
)

TABLE = ClassifierKind(
    "table",
    TableTraining,
    {"networks": "survey_batch.models.table:TableClassifier"},
    seconds={"networks": 1.2e-3},  # benchmarks.scale
)

SPECTRUM_EMBEDDING = ClassifierKind(
    "spectrum-embedding",
    EmbeddingTraining,
    {"autoencoder": "survey_batch.models.spectrum_embedding:SpectrumEmbedding"},
)

QUANTITIES = ClassifierKind(
    "quantities",
    QuantitiesTraining,
    {
        "convolution": "survey_batch.models.spectral_quantities:SpectralQuantities",
        "networks": "survey_batch.models.feature_quantities:FeatureQuantities",
    },
)
