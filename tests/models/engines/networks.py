"""An untrained network of each family, with weights drawn at random, and what it is asked."""

import numpy as np

from survey_batch.models import (
    galaxy_quasar_star,
    image_networks,
    joint_ensemble,
    network,
    psf_star,
    published_galaxy,
    published_spectral_type,
    published_stamps,
    spectral_convolution,
)

ROWS = 6


def inputs(*shape, scale=1.0):
    return (scale * np.random.default_rng(4).normal(size=(ROWS, *shape))).astype(np.float32)


TABLE, BINS, PIXELS = inputs(9, 1), inputs(64, 3), inputs(16, 18, 3, scale=30)
MADE = {
    "lines": (lambda: network.build(TABLE, 4, 3, network.Design(), 1)[1], TABLE),
    "convolution": (lambda: spectral_convolution.network(BINS, 4, 2, 1)[1], BINS),
    "published-spectra": (lambda: published_spectral_type.network(40, 4, 1), inputs(1, 40)),
    "galaxies": (lambda: galaxy_quasar_star.network(96, 8, 3, 1), inputs(104, 2)),
    "published-cnn": (lambda: published_galaxy.branched_network(81, 3, 1), inputs(81)),
    "image-cnn": (lambda: image_networks.small_cnn(PIXELS, 5, 0.7, 1), PIXELS),
    "image-vit": (lambda: image_networks.small_vit(PIXELS, 5, 0.7, 1), PIXELS),
    "psf-star": (lambda: psf_star.network((17, 17, 3), 2, 1), inputs(17, 17, 3)),
    "published-psf-star": (lambda: psf_star.published_network((17, 17, 1), 2, 1), inputs(17, 17, 1)),
    "stamps-cnn": (lambda: published_stamps.pixel_compression(32, 13, 1), inputs(32, 32, 1)),
    "stamps-ensemble": (lambda: joint_ensemble.build_ensemble(7, 3, 1)[1], inputs(7)),
}


def make(name):
    """Return a network whose every weight matters, and its inputs."""
    build, asked = MADE[name]
    model, random = build(), np.random.default_rng(5)
    noise = [random.uniform(-1, 1, part.shape) for part in model.get_weights()]
    model.set_weights([part * (1 + 0.3 * by) + 0.03 * by for part, by in zip(model.get_weights(), noise, strict=True)])
    return model, asked
