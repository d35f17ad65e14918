#!/bin/sh
# The packaged weights, from pictures to the files that ship: recipes/live.sh DATA LABELS ENCODER WORK
#
#   DATA, LABELS  folders as docs/training.md describes them; recipes/nobody.sh adds pictures with nobody in them
#   ENCODER       ImageNet weights of EfficientNet-Lite0 (efficientnet-lite0.pth)
#   WORK          for the pack, the runs and the export; a run that was stopped goes on where it was
#
# Three runs end to end, each from the last one's weights: at T-Net's small input most of the way, then at the size that
# ships, with batch norms that keep their statistics, at last without the encoder's first stages, which have learned
# enough. MINUTES is how long the three take together, on two CPU cores with instructions for bfloat16. On a GPU, see
# recipes/live_gpu.sh.
set -eu
data=$1 labels=$2 encoder=$3 work=$4
minutes=${MINUTES:-270}
here=$(dirname "$0")

train() { # OUT SHARE-OF-MINUTES OPTIONS...
	out=$1 share=$2
	shift 2
	shm-train e2e --variant live --data "$work/pack" --out "$work/$out" --minutes $((minutes * share / 100)) \
		--precision bf16 --set loss.trimap_end=0.05 "$@"
}

[ -d "$work/pack" ] || shm-data pack "$data" "$work/pack" --labels "$labels" --exclude "$here/exclude.txt"
train coarse 75 --init "$encoder" --set loss.trimap=0.15
python "$here/finish.py" "$work/coarse/last.pt" --tnet-edge 384 --out "$work/coarse-384.pt"
train settled 15 --start "$work/coarse-384.pt" --rate 6e-4 --encoder-rate 1.2e-4 --set final_rate=0.3 \
	--set network.tnet_edge=384 --set loss.trimap=0.08 --set freeze_norms=True --set warmup_steps=30
train fine 10 --start "$work/settled/last.pt" --rate 2e-4 --encoder-rate 3e-5 --set final_rate=0.02 \
	--set network.tnet_edge=384 --set loss.trimap=0.05 --set freeze_norms=True --set warmup_steps=20 \
	--set "frozen=('tnet.encoder.stem','tnet.encoder.stages.0','tnet.encoder.stages.1')"
python "$here/finish.py" "$work/fine/last.pt" --out "$work/live.pt"
shm-export --ckpt "$work/live.pt" --out "$work/export" --name shm-live --compact --int8 --flavour none
