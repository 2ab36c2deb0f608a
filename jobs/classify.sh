#!/usr/bin/env bash
# One of the five classifiers, end to end: an archive (simulated where there is none), its products, training,
# predictions for every object, report.
#
#   bash jobs/classify.sh galaxy-quasar-star     # or stellar-types, stellar-images, stamp-types, psf-stars
#   bash jobs/classify.sh stellar-types --set train.variant=convolution
set -euo pipefail
cd "$(dirname "$0")/.."
export TF_CPP_MIN_LOG_LEVEL=2

job=${1:-}
simulate() {  # survey, folder, catalogue in it, options
    [ -f "$2/$3" ] || survey-batch simulate "$1" "$2" "${@:4}"
}
case "$job" in
    galaxy-quasar-star) simulate lamost runs/archive/lamost-classes catalog.csv --objects 3000 --seed 2 ;;
    stellar-types)      simulate lamost runs/archive/lamost catalog.csv --objects 600 ;;
    stellar-images)     simulate sdss runs/archive/stars sources.csv --fields 10 --objects 2500 --seed 3 ;;
    psf-stars)          simulate sdss runs/archive/sdss-psf sources.csv --fields 7 --objects 2800 ;;
    stamp-types)        simulate stamps runs/archive/stamps catalog.csv --objects 2000 --labelled 0.5 --offset 0.1 --flux-scatter 0.5 ;;
    *) echo "usage: bash jobs/classify.sh galaxy-quasar-star|stellar-types|stellar-images|stamp-types|psf-stars [--set key=value ...]" >&2
       exit 2 ;;
esac
shift

survey-batch run    "jobs/$job.toml" --train "$@"
survey-batch report "jobs/$job.toml" "$@"
if [ "$job" = psf-stars ]; then
    survey-batch psf-stars "jobs/$job.toml" --threshold 0.5 --format fits,assoc "$@"
fi
