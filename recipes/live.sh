#!/bin/sh
# The packaged weights, from pictures to the files that ship: recipes/live.sh DATA LABELS ENCODER WORK
#
#   DATA, LABELS  folders as docs/training.md describes them
#   ENCODER       ImageNet weights of EfficientNet-Lite0 (efficientnet-lite0.pth)
#   WORK          for the pack, the runs and the export; a run that was stopped goes on where it was
#
# MINUTES and MNET_MINUTES are how long the two stages go: what two CPU cores want. On a GPU, see recipes/live_gpu.sh.
set -eu
data=$1 labels=$2 encoder=$3 work=$4
here=$(dirname "$0")

[ -d "$work/pack" ] || shm-data pack "$data" "$work/pack" --labels "$labels" --exclude "$here/exclude.txt"
shm-train e2e --variant live --data "$work/pack" --out "$work/e2e" --init "$encoder" --minutes "${MINUTES:-165}"
shm-train mnet --variant live --data "$work/pack" --out "$work/mnet" --start "$work/e2e/last.pt" \
  --minutes "${MNET_MINUTES:-15}"
shm-export --ckpt "$work/mnet/best.pt" --out "$work/export" --name shm-live --compact --flavour none
