/* SPDX-License-Identifier: Apache-2.0 */
/* What a policy says of its model and its networks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/policy.h"

#define LENGTH(array) (sizeof(array) / sizeof(*(array)))

static struct policy *parse(const char *text)
{
	struct policy *policy = NULL;
	struct error error = { "" };

	if (policy_parse("p.yml", text, strlen(text), &policy, &error))
		fail_msg("%s", error.text);
	return policy;
}

static void layers_stand_in_their_order_with_their_places(void **state)
{
	struct policy *policy = parse("policy: web\nmodel:\n  include: [ base, ../ci/web.model ]\n"
				      "  decisions: web.decisions\n");

	(void)state;
	assert_int_equal(policy->layer_count, 2);
	assert_string_equal(policy->layers[0].name, "base");
	assert_int_equal(policy->layers[0].line, 3);
	assert_int_equal(policy->layers[0].column, 14);
	assert_string_equal(policy->layers[1].name, "../ci/web.model");
	assert_string_equal(policy->decisions, "web.decisions");
	assert_null(policy->mapping);
	policy_free(policy);
	policy = parse("policy: web\nmodel: { include: base }\n");
	assert_int_equal(policy->layer_count, 1);
	policy_free(policy);
}

static void a_file_is_found_from_the_policys_directory(void **state)
{
	struct policy *policy = parse("policy: web\n");
	static const struct {
		const char *policy, *file, *found;
	} cases[] = {
		{ NULL, "x", "x" },
		{ "web.yml", "x", "x" },
		{ "/etc/sombrero/web.yml", "x", "/etc/sombrero/x" },
		{ "etc/web.yml", "../x", "etc/../x" },
		{ "/etc/web.yml", "/x", "/x" },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		char *found;

		free(policy->path);
		policy->path = cases[i].policy ? strdup(cases[i].policy) : NULL;
		found = policy_file(policy, cases[i].file);
		assert_string_equal(found, cases[i].found);
		free(found);
	}
	policy_free(policy);
}

static void a_mapping_maps(void **state)
{
	struct policy *policy = parse("policy: web\n"
				      "model:\n"
				      "  mapping:\n"
				      "    - { path: '/builds/*/web', to: '/srv/app/releases/*' }\n"
				      "    - { user: root, to: www-data, service: web }\n"
				      "    - { service: app.py, to: web }\n"
				      "    - { container: true, to: false }\n"
				      "    - connect: tcp 5432 loopback\n"
				      "      to: [ tcp 5432 db, tcp 5432 loopback ]\n");
	static const char text[] = "# sombrero model 1\n"
				   "service app.py in container\n"
				   "  connect  /builds/g/web/app  tcp 5432 loopback\n"
				   "  owner    /builds/g/web/app  root\n";
	struct model *model = NULL, *mapped = model_new();
	struct buffer out = BUFFER_INIT(4096);

	(void)state;
	assert_int_equal(model_parse("m", text, strlen(text), &model, NULL), 0);
	assert_int_equal(mapping_apply(policy->mapping, model, mapped), 0);
	assert_int_equal(model_print(mapped, &out), 0);
	assert_string_equal(out.data, "# sombrero model 1\n"
				      "service web\n"
				      "  connect  /srv/app/releases/*/app  tcp 5432 db\n"
				      "  connect  /srv/app/releases/*/app  tcp 5432 loopback\n"
				      "  owner    /srv/app/releases/*/app  www-data\n");
	buffer_free(&out);
	model_free(model);
	model_free(mapped);
	policy_free(policy);
}

static void folding_and_networks_are_read(void **state)
{
	struct policy *policy = parse("policy: web\n"
				      "model: { fold: { /var/www/uploads: 5 } }\n"
				      "networks: { db: [ 10.1.0.0/24, '2001:db8::/32' ], office: 192.0.2.1 }\n");
	struct networks *networks = networks_new();
	uint8_t address[16] = { 10, 1, 0, 9 };

	(void)state;
	assert_int_equal(fold_limit(policy->limits, "/var/www/uploads/", 17), 5);
	assert_int_equal(policy_name_networks(policy, networks, NULL), 0);
	assert_string_equal(networks_name(networks, AF_INET, address), "db");
	memcpy(address, (const uint8_t[]) { 192, 0, 2, 1 }, 4);
	assert_string_equal(networks_name(networks, AF_INET, address), "office");
	networks_free(networks);
	policy_free(policy);
}

static const struct {
	const char *text, *error;
} faults[] = {
	{ "model: base", "p.yml:2:8: the model is a text; write a mapping, as in { include: [ base, ./web.model ] }" },
	{ "model: { mode: watch }", "p.yml:2:10: \"mode\" is not supported yet by this version; leave it out" },
	{ "model: { until: {} }", "p.yml:2:10: \"until\" is not supported yet by this version; leave it out" },
	{ "model: { kinds: {} }", "p.yml:2:10: \"kinds\" is not supported yet by this version; leave it out" },
	{ "model: { includes: x }", "p.yml:2:10: unknown key \"includes\"; did you mean \"include\"?" },
	{ "model: { include: [] }", "p.yml:2:19: \"include\" is an empty list; fill it or leave it out" },
	{ "model: { include: 'a b' }", "p.yml:2:19: \"a b\" is no name of a layer; use letters, digits, '.', '_' and "
				       "'-', or write ./ before a file's name" },
	{ "model: { include: .x }", "p.yml:2:19: \".x\" is no name of a layer; use letters, digits, '.', '_' and '-', "
				    "or write ./ before a file's name" },
	{ "model: { decisions: [ x ] }", "p.yml:2:21: \"decisions\" is a list; write the path of a file of decisions" },
	{ "model: { mapping: { path: /a, to: /b } }", "p.yml:2:19: \"mapping\" is a mapping; write a list" },
	{ "model: { mapping: [ { path: /a } ] }", "p.yml:2:21: a rule of the mapping lacks \"to\"; add it, as in "
						  "{ path: /builds/*/web, to: /srv/app }" },
	{ "model: { mapping: [ { to: /a } ] }", "p.yml:2:21: a rule of the mapping is about nothing; add path, user, "
						"service, job, container, accept, connect or listen" },
	{ "model: { mapping: [ { path: /a, user: x, to: /b } ] }",
	  "p.yml:2:33: a rule of the mapping is about one thing; make \"user\" an item of its own" },
	{ "model: { mapping: [ { service: a, job: x, to: b } ] }",
	  "p.yml:2:35: a rule of the mapping is about one thing; make \"job\" an item of its own" },
	{ "model: { mapping: [ { path: a, to: /b } ] }",
	  "p.yml:2:21: a rule of the mapping: \"a\" is not absolute; begin it with /" },
	{ "model: { mapping: [ { connect: tcp 5432, to: tcp 1 x } ] }",
	  "p.yml:2:21: a rule of the mapping: \"tcp 5432\" is not protocol, port and network as a model has them, as "
	  "in "
	  "tcp 5432 db" },
	{ "model: { mapping: [ { path: /a, to: [] } ] }",
	  "p.yml:2:37: \"to\" is an empty list; fill it or leave it out" },
	{ "model: { mapping: [ { path: /a, to: [ /1, /2, /3, /4, /5, /6, /7, /8, /9 ] } ] }",
	  "p.yml:2:71: more than 8 that it is mapped to; write fewer" },
	{ "model: { fold: 5 }", "p.yml:2:16: \"fold\" is a text; write a mapping, as in { /var/www/uploads: 5 }" },
	{ "model: { fold: { /x: many } }", "p.yml:2:18: the directory \"/x\" wants a number from 1 to 100000" },
	{ "model: { fold: { /x: 0 } }", "p.yml:2:18: the directory \"/x\" wants a number from 1 to 100000" },
	{ "model: { fold: { x: 5 } }", "p.yml:2:18: the directory \"x\" is not absolute; begin it with /" },
	{ "networks: [ x ]", "p.yml:2:11: \"networks\" is a list; write a mapping, as in { db: [ 10.1.0.0/24 ] }" },
};

static void a_wrong_model_is_refused_with_its_place(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH(faults); i++) {
		struct buffer text = BUFFER_INIT(4096);
		struct policy *policy = NULL;
		struct error error = { "" };

		buffer_printf(&text, "policy: web\n%s\n", faults[i].text);
		assert_int_equal(policy_parse("p.yml", text.data, text.size, &policy, &error), -EINVAL);
		assert_null(policy);
		assert_string_equal(error.text, faults[i].error);
		buffer_free(&text);
	}
}

static void a_wrong_network_is_refused_with_its_place(void **state)
{
	static const struct {
		const char *text, *begins;
	} cases[] = {
		{ "networks: { db: [ 10.1.0.0/24, 10.1.0.300 ] }", "p.yml:2:32: " },
		{ "networks: { loopback: 10.1.0.0/24 }", "p.yml:2:23: " },
		{ "networks: { a: \"1\\n2\" }", "p.yml:2:16: network a: '1\\x0a2': " },
		{ "networks: { a b: 10.1.0.0/24 }", "p.yml:2:18: " },
		{ "networks: { db: { x: y } }", "p.yml:2:17: \"db\" is a mapping; write addresses" },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct buffer text = BUFFER_INIT(4096);
		struct policy *policy = NULL;
		struct error error = { "" };

		buffer_printf(&text, "policy: web\n%s\n", cases[i].text);
		assert_int_equal(policy_parse("p.yml", text.data, text.size, &policy, &error), -EINVAL);
		if (strncmp(error.text, cases[i].begins, strlen(cases[i].begins)) != 0)
			fail_msg("%s: %s", cases[i].text, error.text);
		buffer_free(&text);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(layers_stand_in_their_order_with_their_places),
		cmocka_unit_test(a_file_is_found_from_the_policys_directory),
		cmocka_unit_test(a_mapping_maps),
		cmocka_unit_test(folding_and_networks_are_read),
		cmocka_unit_test(a_wrong_model_is_refused_with_its_place),
		cmocka_unit_test(a_wrong_network_is_refused_with_its_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
