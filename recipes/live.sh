#!/bin/sh
# The packaged weights, from pictures to the files that ship: recipes/live.sh DATA LABELS ENCODER WORK
#
#   DATA, LABELS  folders as docs/training.md describes them, with the pictures of nobody that recipes/nobody.sh brings,
#                 the people that recipes/people.py brings, cut out, and their heads (recipes/heads.py)
#   ENCODER       ImageNet weights of EfficientNet-Lite0 (efficientnet-lite0.pth)
#   WORK          for the pack, the runs and the export; a run that was stopped goes on where it was
#
# Four runs end to end, each from the last one's weights: at T-Net's small input most of the way, then at the size that
# ships, with batch norms that keep their statistics; after M-Net has learned alone for a while, without the encoder, then
# with its last stages, as the mean over that run, twice, and what it began from. M-Net alone ends it, under the T-Net that
# ships, sharpened. MINUTES is how long all take together, on two CPU cores; PRECISION=fp32 where bfloat16 does not
# pay (docs/training.md). On a GPU, see recipes/live_gpu.sh.
set -eu
data=$1 labels=$2 encoder=$3 work=$4
minutes=${MINUTES:-270} precision=${PRECISION:-bf16}
here=$(dirname "$0")
shipped="--set network.tnet_edge=416 --set network.mnet_edge=512 --set freeze_norms=True"
resting="'tnet.encoder.stem','tnet.encoder.stages.0','tnet.encoder.stages.1','tnet.encoder.stages.2','tnet.encoder.stages.3'"
canvases="(512,512),(512,320),(320,512),(512,384),(384,512),(640,480),(480,640)"

train() { # STAGE OUT SHARE-OF-MINUTES OPTIONS...
	stage=$1 out=$2 share=$(awk "BEGIN { print $minutes * $3 / 100 }")
	shift 3
	shm-train "$stage" --variant live --data "$work/pack" --out "$work/$out" --minutes "$share" \
		--precision "$precision" "$@"
}

[ -d "$work/pack" ] || shm-data pack "$data" "$work/pack" --labels "$labels" --exclude "$here/exclude.txt" --frame-step 2 \
	--weight athletes=0.07 heads=0.04 players=0.4 wrestlers=0.3 fighters=0.2 footballers=0.3 riders=0.3 figures=1 \
	presenters=0.7 talkingheads=0.14 facemask=2 misc_demo=3 human_dataset_v2=0.5 clothing=0.25 wallpapers=0.6 \
	used_cars=0.6
train e2e coarse 42 --init "$encoder" --set loss.trimap=0.15
python "$here/finish.py" "$work/coarse/last.pt" --out "$work/coarse-large.pt"
train e2e settled 15 --start "$work/coarse-large.pt" --rate 6e-4 --encoder-rate 1.2e-4 --set final_rate=0.3 \
	$shipped --set loss.trimap=0.08 --set warmup_steps=30
train mnet details 8 --start "$work/settled/last.pt" --rate 1e-3 --set final_rate=0.05 $shipped --set warmup_steps=20
with_details="$shipped --set decoder_share=0.33 --set loss.trimap=0.3 --set loss.trimap_end=0.3 --set loss.raw=0.3
	--set loss.gradient=0.4 --set loss.coarse=0.3 --set loss.gamma=0.8 --set data.canvases=($canvases)
	--set data.mix.cutout=0.42 --set data.mix.photo=0.2 --set data.mix.recomposed=0.19"
train e2e fine 15 --start "$work/details/last.pt" --rate 6e-4 --set final_rate=0.05 $with_details --set warmup_steps=30 \
	--set "frozen=('tnet.encoder',)"
train e2e again 10 --start "$work/fine/last.pt" --rate 3e-4 --encoder-rate 5e-5 --set final_rate=0.08 $with_details \
	--set warmup_steps=60 --set "frozen=($resting)" --set ema_decay=1 --set ema_power=1
python "$here/finish.py" "$work/again/last.pt" "$work/again/last.pt" "$work/fine/last.pt" --sharpen 1.3 --ask 0.5 \
	--stretch 0.02 --out "$work/sharpened.pt"
train mnet polished 10 --start "$work/sharpened.pt" --rate 7e-4 --set final_rate=0.02 $shipped --set loss.gradient=1.0 \
	--set loss.gamma=0.8 --set warmup_steps=20 --set "data.canvases=($canvases,(640,640))" --set data.mix.cutout=0.55 \
	--set data.mix.photo=0.17 --set data.mix.recomposed=0.18 --set ema_decay=1 --set ema_power=2
python "$here/finish.py" "$work/polished/last.pt" "$work/sharpened.pt" --out "$work/live.pt"
shm-export --ckpt "$work/live.pt" --out "$work/export" --name shm-live --compact --int8 --flavour none
