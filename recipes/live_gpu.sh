#!/bin/sh
# The same on a GPU, within a lease of minutes: recipes/live_gpu.sh SHARDS START OUT
#
#   SHARDS  folder that shm-data shard wrote; it travels in files of at most 64 MiB
#   START   checkpoint to start from, with T-Net at 416 px and M-Net at 512 px, such as shm_deploy/weights/shm-live.pt
#   OUT     for the runs; the same command goes on with what is there
#
# MINUTES is how long it trains.
set -eu
shards=$1 start=$2 out=$3
here=$(dirname "$0")
export PYTHONPATH="$here/.."
workers=$(($(nproc) - 1))

python3 -c "import sys; from shm_train.cli.train import main; sys.exit(main())" \
  e2e --variant live --data "$shards" --out "$out/e2e" --start "$start" --minutes "${MINUTES:-18}" \
  --batch-size 64 --rate 1e-3 --encoder-rate 1e-4 --set decoder_share=0.25 \
  --set final_rate=0.02 --set network.tnet_edge=416 --set network.mnet_edge=512 \
  --set loss.trimap=0.08 --set loss.trimap_end=0.05 --precision bf16 --workers "$workers" --validate-every 500
