/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Least privilege from a model: a firewall, or what confines a systemd unit. Each line that comes out has a comment with the
 * behaviours it stems from; what can't be expressed, and what a model does not know, is said in comments too. Names in a
 * model are hostile: they get into comments only escaped and cut, and into anything else only where each character is known
 * to be harmless. docs/reference/suggest.md is the manual.
 */
#ifndef MODEL_SUGGEST_H
#define MODEL_SUGGEST_H

#include "model/model.h"
#include "model/network.h"

struct suggest_firewall {
	const struct networks *networks; /* what the model's networks are, as addresses */
	bool accepts;                    /* what no rule allows passes, and is logged as what would be dropped */
	bool by_user;    /* connects only of the user that the program runs as, where there is just one */
	bool containers; /* what runs in containers uses this host's own network, or the text is for theirs */
};

/*
 * Appends a table for `nft -f`. The same model and networks give the same text. *refused is how many lines could not be
 * expressed; the text lists them. 0 or -ENOMEM.
 */
int suggest_nftables(struct model *model, const struct suggest_firewall *options, struct buffer *out, size_t *refused);

/*
 * Appends a drop-in for the unit that runs `service`, in containers or not. 0, -ENOMEM, -ENOENT if the model has no such service, or
 * -EPERM for one from which people's sessions or others' jobs descend: what confines it confines them all.
 */
int suggest_systemd(struct model *model, const char *service, const struct networks *networks, struct buffer *out);

#endif
