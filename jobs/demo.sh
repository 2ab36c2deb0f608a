#!/usr/bin/env bash
# The main job, end to end: two archives, cutouts, spectra, a classifier, predictions, reports.
# Uses real survey data where it is at hand (SURVEY_BATCH_DATA, else ../shared/data), else the simulator.
set -euo pipefail
cd "$(dirname "$0")/.."
export TF_CPP_MIN_LOG_LEVEL=2

data=${SURVEY_BATCH_DATA:-../shared/data}
sdss=() lamost=()
if [ -d "$data/sdss" ] && [ -d "$data/lamost" ]; then
    echo "== real data in $data"
    sdss=(--set "catalog.path=$data/sdss/sources.csv" --set "archive.root=$data/sdss")
    lamost=(--set "catalog.path=$data/lamost/catalog.csv" --set "archive.root=$data/lamost/spectra"
            --set "train.templates=$data/templates/pyhammer_stellar_templates.fits")
else
    echo "== no real data in $data: simulating two archives (see survey-batch simulate --help)"
    [ -f runs/archive/sdss/sources.csv ]   || survey-batch simulate sdss runs/archive/sdss --fields 3 --objects 300
    [ -f runs/archive/lamost/catalog.csv ] || survey-batch simulate lamost runs/archive/lamost --objects 600
fi
images=(jobs/sdss-cutouts.toml "${sdss[@]}")
spectra=(jobs/lamost-types.toml "${lamost[@]}")

echo; echo "== SDSS: frames, cutouts, colour images and measurements"
survey-batch plan   "${images[@]}"
survey-batch run    "${images[@]}"
survey-batch report "${images[@]}"
survey-batch export "${images[@]}"

echo; echo "== LAMOST: spectra, a classifier trained on them, then features and predictions for every object"
survey-batch plan   "${spectra[@]}"
survey-batch run    "${spectra[@]}" --train
survey-batch status "${spectra[@]}"
survey-batch report "${spectra[@]}"
survey-batch export "${spectra[@]}"

echo; echo "Open runs/sdss-cutouts/report.html and runs/lamost-types/report.html in a browser."
