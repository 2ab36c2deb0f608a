"""Our kinds of stages; a survey says which of them make its products."""

from survey_batch.config.stage_kind import StageKind

FRAMES = StageKind(
    "survey_batch.stages.frames:FramesStage", reads=("frames", "cutouts.ivar"), table="frames", starts=True
)
CUTOUTS = StageKind(
    "survey_batch.stages.cutouts:CutoutsStage", reads=("frames", "cutouts"), table="cutouts", starts=True
)
COMPOSITES = StageKind(
    "survey_batch.stages.composites:CompositesStage",
    reads=tuple(
        f"composites.{key}" for key in ("bands", "pair", "scaling", "q", "stretch", "percentiles", "size", "keep")
    ),
    table="composites",
)
IMAGE_FEATURES = StageKind(
    "survey_batch.stages.image_features:ImageFeaturesStage", reads=("image_features",), table="image_features"
)
SPECTRA = StageKind("survey_batch.stages.spectra:SpectraStage", reads=("spectra",), table="spectra", starts=True)
SPECTRAL_FEATURES = StageKind(
    "survey_batch.stages.spectral_features:SpectralFeaturesStage",
    reads=("spectral_features",),
    table="spectral_features",
)
PREDICTIONS = StageKind(
    "survey_batch.stages.predictions:PredictionsStage", reads=("predictions", "cluster.gpu", "train")
)
CUSTOM = StageKind("survey_batch.stages.custom:CustomStage", reads=("cluster.gpu",))
"""A stage from a user's function, `[custom.NAME]`."""
DETECTIONS = StageKind("survey_batch.stages.detections:DetectionsStage", reads=("catalog.detect",))
"""Made where the job has the table `[catalog.detect]`; it is not named among the stages."""
