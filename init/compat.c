/*
 * What each name changes, as a table. The facts are those of tini 0.19, dumb-init 1.2.5,
 * catatonit 0.2.1 and Kubernetes' pause 3.10; their bugs are not among them.
 */
#include "compat.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "text.h"

enum { OUT = STDOUT_FILENO, ERR = STDERR_FILENO };

#define STOPS (1ULL << (SIGTSTP - 1) | 1ULL << (SIGTTIN - 1) | 1ULL << (SIGTTOU - 1))
#define BACKGROUND_ACCESS (1ULL << (SIGTTIN - 1) | 1ULL << (SIGTTOU - 1))

static const struct contract contracts[] = {
	{
		.names = "zinit",
		.own_longs = NULL,
		.not_ours = "",
		.version = "zinit " ZINIT_VERSION,
		.usage_status = 125,
		.failure_status = 125,
		.not_found = 127,
		.not_executable = 126,
		.not_run = 126,
		.help_stream = OUT,
		.version_stream = OUT,
		.usage_stream = ERR,
		.target = TARGET_CHILD,
		.subreaper = SUBREAPER_TRY,
	},
	{
		/* dockerd binds its init to /sbin/docker-init and asks it on the host for --version. */
		.names = "tini tini-static docker-init",
		.letters = "hvwglesp",
		.own_longs = "",
		.not_ours = "help version",
		.version = sizeof(ZINIT_COMMIT) > 1 ? "tini version 0.19.0 - git." ZINIT_COMMIT :
						      "tini version 0.19.0",
		.version_alone = true,
		.variables_win = true,
		.strict_names = true,
		.loose_numbers = true,
		.swallowed = BACKGROUND_ACCESS,
		.usage_status = 1,
		.failure_status = 1,
		.not_found = 127,
		.not_executable = 126,
		.not_run = 1,
		.help_stream = OUT,
		.version_stream = OUT,
		.usage_stream = ERR,
		.target = TARGET_CHILD,
		.subreaper = SUBREAPER_ASKED,
	},
	{
		.names = "dumb-init",
		.letters = "hvVcr",
		.own_longs = "help single-child rewrite verbose version",
		.not_ours = "",
		.version = "dumb-init v1.2.5",
		.plain_rewrite = true,
		.variables_win = true,
		.shares_group = true,
		.term_at_end = true,
		.stops_itself = true,
		.rewrites_stops = true,
		.usage_status = 1,
		.failure_status = 1,
		.not_found = 2,
		.not_executable = 2,
		.not_run = 2,
		.help_stream = ERR,
		.version_stream = ERR,
		.usage_stream = ERR,
		.target = TARGET_SESSION,
		.subreaper = SUBREAPER_NEVER,
	},
	{
		/* podman mounts its init as /run/podman-init; docker info wants "tini version". */
		.names = "catatonit podman-init",
		.letters = "ghLPV",
		.own_longs = "version",
		.not_ours = "help",
		.version = "tini version 0.2.1_catatonit",
		.variables_win = true,
		.pause_ignores = true,
		.swallowed = STOPS,
		.usage_status = 1,
		.failure_status = 1,
		.not_found = 1,
		.not_executable = 1,
		.not_run = 1,
		.help_stream = ERR,
		.version_stream = OUT,
		.usage_stream = ERR,
		.target = TARGET_CHILD,
		.subreaper = SUBREAPER_REQUIRED,
	},
	{
		.names = "pause",
		.letters = "",
		.own_longs = "",
		.not_ours = "",
		.version = "pause.c " ZINIT_VERSION,
		.version_anywhere = true,
		.pause_ignores = true,
		.always_pause = true,
		.usage_status = 1,
		.failure_status = 1,
		.not_found = 1,
		.not_executable = 1,
		.not_run = 1,
		.help_stream = OUT,
		.version_stream = OUT,
		.usage_stream = ERR,
		.target = TARGET_CHILD,
		.subreaper = SUBREAPER_TRY,
	},
};

enum { CONTRACTS = sizeof(contracts) / sizeof(contracts[0]) };

static const struct {
	const char *name;
	const char *heeded_by; /* a name of the contract, beside zinit's own */
	const char *only; /* counts with this value alone; NULL: any */
	enum peer_variable variable;
} variables[] = {
	{ "TINI_SUBREAPER", "tini", NULL, VARIABLE_SUBREAPER },
	{ "TINI_KILL_PROCESS_GROUP", "tini", NULL, VARIABLE_GROUP },
	{ "TINI_VERBOSITY", "tini", NULL, VARIABLE_LEVEL },
	{ "DUMB_INIT_DEBUG", "dumb-init", "1", VARIABLE_DEBUG },
	{ "DUMB_INIT_SETSID", "dumb-init", "0", VARIABLE_NO_SESSION },
	{ "CATATONIT_DEBUG", "catatonit", NULL, VARIABLE_DEBUG },
	{ "CATATONIT_LOG", "catatonit", NULL, VARIABLE_RESERVED },
};

const struct contract *compat_find(const char *name)
{
	for (size_t i = 0; i < CONTRACTS; i++)
		if (text_lists(contracts[i].names, ' ', name))
			return &contracts[i];
	return NULL;
}

const struct contract *compat_of(const char *argv0)
{
	const char *slash = argv0 ? strrchr(argv0, '/') : NULL;
	const struct contract *found = argv0 ? compat_find(slash ? slash + 1 : argv0) : NULL;

	return found ? found : &contracts[0];
}

void compat_variables(const struct contract *contract,
		      void (*apply)(enum peer_variable variable, const char *name,
				    const char *value, void *context),
		      void *context)
{
	for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
		bool own = contract == &contracts[0] && variables[i].variable != VARIABLE_RESERVED;
		const char *value;

		if (!own && !text_lists(contract->names, ' ', variables[i].heeded_by))
			continue;
		value = getenv(variables[i].name);
		if (value && (!variables[i].only || strcmp(value, variables[i].only) == 0))
			apply(variables[i].variable, variables[i].name, value, context);
	}
}
