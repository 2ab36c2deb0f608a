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
    seconds={"forest": 3.0e-4, "lines": 1.6e-4, "convolution": 4.6e-4, "published": 2.9e-4},  # benchmarks.variants
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
    seconds={  # benchmarks.variants
        "convolution": 3.0e-4,
        "published-cnn": 1.5e-3,
        "published-svm": 5.4e-4,
        "published-forest": 4.8e-4,
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
    # benchmarks.variants; six images a second on two quiet cores
    seconds={"cnn": 1.1e-3, "small-vit": 1.5e-3, "vit": 0.33},
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
    # fifty stars a second, nearly all of it diffraction (docs/classifiers/stamp-types.md); benchmarks.variants
    seconds={"likelihood": 2.0e-2, "pca-mlp": 1.2e-4, "cnn-mlp": 1.4e-4, "svm-psf": 1.1e-2},
)

PSF_STAR = ClassifierKind(
    "psf-star",
    PsfStarTraining,
    {
        "cnn": "survey_batch.models.psf_star:PsfStarCNN",
        "published": "survey_batch.models.psf_star:PublishedPsfStar",
    },
    seconds={"cnn": 8.8e-4, "published": 9.3e-4},  # benchmarks.variants
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
    seconds={"networks": 1.1e-4},  # benchmarks.variants
)

SPECTRUM_EMBEDDING = ClassifierKind(
    "spectrum-embedding",
    EmbeddingTraining,
    {"autoencoder": "survey_batch.models.spectrum_embedding:SpectrumEmbedding"},
    seconds={"autoencoder": 2.2e-4},  # benchmarks.variants
)

QUANTITIES = ClassifierKind(
    "quantities",
    QuantitiesTraining,
    {
        "convolution": "survey_batch.models.spectral_quantities:SpectralQuantities",
        "networks": "survey_batch.models.feature_quantities:FeatureQuantities",
    },
    seconds={"convolution": 2.4e-4, "networks": 1.2e-4},  # benchmarks.variants
)
