#!/bin/sh
# Pictures with nobody in them, animals above all, which get mistaken for people: recipes/nobody.sh REPOSITORY DATA
#
#   REPOSITORY  a git directory of github.com/EliSchwartz/imagenet-sample-images, one picture of each ImageNet class
#   DATA        the training data; nobody.txt's pictures go to DATA/backgrounds/imagenet_samples
#
# nobody.txt is what is left of the thousand where neither peers' models nor the eye find people, and nothing is near a
# held-out picture of the training data's README.
set -eu
repository=$1 folder=$2/backgrounds/imagenet_samples
mkdir -p "$folder"
xargs -d '\n' git -C "$repository" archive bc69043e2862758a1906c6a24a792bb28c6bb2ff -- <"$(dirname "$0")/nobody.txt" |
	tar -x -C "$folder"
