#!/bin/sh
# The steps that Containerfile and survey-batch.def have in common: sh install.sh cpu|gpu, in a bare Python 3.11.
set -eu
cd "$(dirname "$0")"

case "${1:-cpu}" in
    cpu) extras=s3,slurm,tensorflow ;;
    gpu) extras=s3,slurm ;;
    *) echo "install.sh: $1 is neither cpu nor gpu" >&2; exit 2 ;;
esac

pip install -c constraints.txt ".[$extras]"
if [ "${1:-cpu}" = gpu ]; then
    # The same version with CUDA: "tensorflow-cpu", which the extra stands for, has no GPU in it.
    version=$(sed -n 's/^tensorflow-cpu==//p' constraints.txt)
    pip install -c constraints.txt "tensorflow[and-cuda]==$version"
fi
survey-batch --help >/dev/null
