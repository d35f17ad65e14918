#!/bin/sh
# The packaged weights, from pictures to the files that ship: recipes/live.sh DATA LABELS ENCODER WORK
#
#   DATA, LABELS  folders as docs/training.md describes them; recipes/nobody.sh adds pictures with nobody in them
#   ENCODER       ImageNet weights of EfficientNet-Lite0 (efficientnet-lite0.pth)
#   WORK          for the pack, the runs and the export; a run that was stopped goes on where it was
#
# Two runs end to end: at a small input of T-Net most of the way, then, from there, at the size that ships, with batch
# norms that keep their statistics and without the encoder's first stages, which have learned enough. MINUTES is how long
# both take together, on two CPU cores with instructions for bfloat16. On a GPU, see recipes/live_gpu.sh.
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

[ -d "$work/pack" ] ||
	shm-data pack "$data" "$work/pack" --labels "$labels" --exclude "$here/exclude.txt" --weight facemask=2 misc_demo=3
train coarse 75 --init "$encoder" --set loss.trimap=0.15
python "$here/finish.py" "$work/coarse/last.pt" --out "$work/coarse-512.pt"
train fine 25 --start "$work/coarse-512.pt" --rate 5e-4 --encoder-rate 1e-4 --set final_rate=0.02 \
	--set network.tnet_edge=512 --set loss.trimap=0.08 --set freeze_norms=True --set warmup_steps=40 \
	--set "frozen=('tnet.encoder.stem','tnet.encoder.stages.0','tnet.encoder.stages.1')" \
	--set "data.augment.gain=(0.7,1.4)" --set "data.augment.gamma=(0.75,1.35)" --set data.augment.low_light=0.05 \
	--set data.augment.noise=0.2 --set data.augment.jpeg=0.3
python "$here/finish.py" "$work/fine/last.pt" --out "$work/live.pt"
shm-export --ckpt "$work/live.pt" --out "$work/export" --name shm-live --compact --int8 --flavour none
