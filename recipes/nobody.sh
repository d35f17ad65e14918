#!/bin/sh
# Pictures with nobody in them, but animals, clothes, furniture or the dark insides of cars, which get mistaken for people:
# recipes/nobody.sh MIRROR DATA
#
#   MIRROR  where the repositories are mirrored, as OWNER+NAME/repo, a git directory or a checkout of it
#   DATA    the training data; the pictures of nobody/SOURCE.txt go to DATA/backgrounds/SOURCE
#
# Each list begins with its repository and commit. It is what is left of the repository, or of a part of it drawn by
# chance, where neither peers' models nor the eye find people, and nothing is near a held-out picture of the training
# data's README. Pictures have their own names there, or, where two of a list have the same, their paths'.
set -eu
mirror=$1 data=$2
for list in "$(dirname "$0")"/nobody/*.txt; do
	read -r _ repository commit <"$list"
	folder=$data/backgrounds/$(basename "$list" .txt)
	name_of='s|.*/||'
	same=$(tail -n +2 "$list" | sed "$name_of; s|\\.[^.]*\$||" | sort | uniq -d)
	[ -z "$same" ] || name_of='s|/|-|g'
	mkdir -p "$folder"
	tail -n +2 "$list" |
		xargs -d '\n' git -C "$mirror/$(echo "$repository" | tr / +)/repo" archive "$commit" -- |
		tar -x -C "$folder" --transform "$name_of"
	find "$folder" -mindepth 1 -type d -delete
done
