/* SPDX-License-Identifier: Apache-2.0 */
/* Where an overlay's upper layer has a directory, by what the kernel says of mounts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "sensor/overlay_priv.h"

#define ROOT "1 0 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n"
#define LAYER                                                   \
	"36 1 0:45 / / rw,relatime master:7 - overlay overlay " \
	"rw,lowerdir=/l/1:/l/2,upperdir=/disk/up,workdir=/disk/w\n"

static dev_t device;

static int upper_of(const char *mounts, const char *path, char out[PATH_MAX])
{
	memset(out, '?', PATH_MAX);
	return overlay_upper(mounts, device, path, out, PATH_MAX);
}

static void assert_upper(const char *mounts, const char *path, const char *expected)
{
	char out[PATH_MAX];

	assert_int_equal(upper_of(mounts, path, out), 0);
	assert_string_equal(out, expected);
}

static void assert_none(const char *mounts, const char *path)
{
	char out[PATH_MAX];

	assert_int_equal(upper_of(mounts, path, out), -ENOENT);
}

static int set_device(void **state)
{
	(void)state;
	device = makedev(0, 45);
	return 0;
}

static void a_directory_is_in_the_upper_layer_under_the_same_name(void **state)
{
	(void)state;
	assert_upper(LAYER, "/srv/app", "/disk/up/srv/app");
	assert_upper(ROOT LAYER, "/srv/app", "/disk/up/srv/app");
	assert_upper(LAYER ROOT, "/", "/disk/up/");
	assert_upper("36 1 0:45 / /mnt rw - overlay overlay rw,lowerdir=/l,upperdir=/up,workdir=/w", "/mnt", "/up");
	assert_upper("36 1 0:45 / /mnt rw - overlay overlay rw,upperdir=/up", "/mnt/x", "/up/x");
}

static void what_would_end_a_field_is_escaped(void **state)
{
	(void)state;
	assert_upper("36 1 0:45 / /a\\040b\\011\\012\\134 rw - overlay overlay "
		     "rw,upperdir=/u\\040p\\054\\075\\134,workdir=/w\n",
		     "/a b\t\n\\/c", "/u p,=\\/c");
	assert_upper("36 1 0:45 / /m rw - overlay overlay rw,upperdir=/u\\,p,workdir=/w\n", "/m", "/u,p");
	assert_upper("36 1 0:45 / /m rw - overlay overlay rw,upperdir=/u\\09\\8\\\n", "/m", "/u098\\");
	/* A layer's name says nothing about another: its comma is escaped. */
	assert_upper("36 1 0:45 / /m rw - overlay overlay rw,lowerdir=/l\\054upperdir=/etc,upperdir=/up,workdir=/w\n",
		     "/m", "/up");
}

static void of_several_mounts_the_nearest_counts(void **state)
{
	static const char mounts[] = "36 1 0:45 / /m rw - overlay overlay rw,upperdir=/up\n"
				     "37 36 0:46 / /m/other rw - overlay overlay rw,upperdir=/wrong\n"
				     "38 36 0:45 /part /m/deep/er rw - overlay overlay rw,upperdir=/up\n"
				     "39 36 0:45 / /m/deep rw - overlay overlay rw,upperdir=/up\n";

	(void)state;
	assert_upper(mounts, "/m/x", "/up/x");
	assert_upper(mounts, "/m/deep/er/x", "/up/part/x");
	assert_upper(mounts, "/m/deep/erx", "/up/erx");
	assert_upper(mounts, "/m/other/x", "/up/other/x");
	assert_none(mounts, "/mx");
	/* One over another hides it. */
	assert_upper("36 1 0:45 /one /m rw - overlay overlay rw,upperdir=/up\n"
		     "37 1 0:45 /two /m rw - overlay overlay rw,upperdir=/up\n",
		     "/m/x", "/up/two/x");
}

static void a_bind_of_a_part_leads_to_that_part(void **state)
{
	(void)state;
	assert_upper("40 1 0:45 /var/lib /data rw shared:2 - overlay overlay rw,lowerdir=/l,upperdir=/up,workdir=/w\n",
		     "/data/db", "/up/var/lib/db");
}

static void where_there_is_no_upper_layer_nothing_is_found(void **state)
{
	(void)state;
	assert_none("", "/x");
	assert_none(ROOT, "/x");
	assert_none("36 1 0:46 / / rw - overlay overlay rw,upperdir=/up\n", "/x");
	assert_none("36 1 0:45 / / rw - overlay overlay ro,lowerdir=/l/1:/l/2\n", "/x");
	assert_none("36 1 0:45 / / rw - overlayfs overlay rw,upperdir=/up\n", "/x");
	assert_none("36 1 0:45 / / rw - tmpfs tmpfs rw,upperdir=/up\n", "/x");
	/* Relative to where whoever mounted it was, which nobody knows. */
	assert_none("36 1 0:45 / / rw - overlay overlay rw,lowerdir=l,upperdir=diff,workdir=work\n", "/x");
	assert_none("36 1 0:45 / / rw - overlay overlay rw,upperdir=,workdir=work\n", "/x");
}

static void what_is_no_mountinfo_is_passed_over(void **state)
{
	static const char *const garbage[] = { "\n",
					       "\n\n\n",
					       " ",
					       "       - overlay ",
					       "36 1 0:45",
					       "36 1 0:45 / /",
					       "36 1 0:45 / / - overlay",
					       " - overlay overlay rw,upperdir=/up",
					       "36 1 x:y / / rw - overlay overlay rw,upperdir=/up",
					       "36 1 0:45 / \\ rw - overlay overlay rw,upperdir=/up",
					       "\\\\\\0\\04" };

	(void)state;
	for (size_t i = 0; i < sizeof(garbage) / sizeof(garbage[0]); i++) {
		char mounts[1024];

		assert_none(garbage[i], "/x");
		(void)snprintf(mounts, sizeof(mounts), "%s\n%s", garbage[i], LAYER);
		assert_upper(mounts, "/x", "/disk/up/x");
	}
}

static char *repeat(char byte, size_t count)
{
	char *text = malloc(count + 1);

	assert_non_null(text);
	memset(text, byte, count);
	text[count] = '\0';
	return text;
}

static void what_is_too_long_does_not_fit(void **state)
{
	char out[PATH_MAX], *mounts = NULL, *name = repeat('u', PATH_MAX - 3);

	(void)state;
	assert_true(asprintf(&mounts, "36 1 0:45 / / rw - overlay overlay rw,upperdir=/%s\n", name) > 0);
	assert_int_equal(upper_of(mounts, "/x", out), -ENAMETOOLONG);
	assert_int_equal(overlay_upper(LAYER, device, "/x", out, strlen("/disk/up/x")), -ENAMETOOLONG);
	assert_int_equal(overlay_upper(LAYER, device, "/x", out, strlen("/disk/up/x") + 1), 0);
	free(mounts);
	free(name);
	name = repeat('u', PATH_MAX);
	assert_true(asprintf(&mounts, "36 1 0:45 / / rw - overlay overlay rw,upperdir=/%s\n%s", name, LAYER) > 0);
	assert_upper(mounts, "/x", "/disk/up/x");
	free(mounts);
	free(name);
}

/* An image of hundreds of layers. */
static void many_lower_layers_hide_no_upper_one(void **state)
{
	char *mounts = NULL, *layers = repeat('l', 100000);

	(void)state;
	assert_true(asprintf(&mounts, "36 1 0:45 / / rw - overlay overlay rw,lowerdir=/%s,upperdir=/up,workdir=/w\n",
			     layers) > 0);
	assert_upper(mounts, "/x", "/up/x");
	free(mounts);
	free(layers);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_directory_is_in_the_upper_layer_under_the_same_name),
		cmocka_unit_test(what_would_end_a_field_is_escaped),
		cmocka_unit_test(of_several_mounts_the_nearest_counts),
		cmocka_unit_test(a_bind_of_a_part_leads_to_that_part),
		cmocka_unit_test(where_there_is_no_upper_layer_nothing_is_found),
		cmocka_unit_test(what_is_no_mountinfo_is_passed_over),
		cmocka_unit_test(what_is_too_long_does_not_fit),
		cmocka_unit_test(many_lower_layers_hide_no_upper_one),
	};

	return cmocka_run_group_tests(tests, set_device, NULL);
}
