#!/bin/sh
# The packaged weights, from pictures to the files that ship: recipes/live.sh DATA LABELS ENCODER WORK
#
#   DATA, LABELS  folders as docs/training.md describes them
#   ENCODER       ImageNet weights of EfficientNet-Lite0 (efficientnet-lite0.pth)
#   WORK          for the pack, the runs and the export; a run that was stopped goes on where it was
#
# MINUTES is how long it trains: what two CPU cores want. On a GPU, see recipes/live_gpu.sh. M-Net alone afterwards
# (shm-train mnet, 15 minutes) made every held-out score worse: its patches show it edges only.
set -eu
data=$1 labels=$2 encoder=$3 work=$4
here=$(dirname "$0")

[ -d "$work/pack" ] || shm-data pack "$data" "$work/pack" --labels "$labels" --exclude "$here/exclude.txt"
shm-train e2e --variant live --data "$work/pack" --out "$work/e2e" --init "$encoder" --minutes "${MINUTES:-165}"
python "$here/finish.py" "$work/e2e/last.pt" --out "$work/live.pt"
shm-export --ckpt "$work/live.pt" --out "$work/export" --name shm-live --compact --int8 --flavour none
