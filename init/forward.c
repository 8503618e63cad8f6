/* Forwarding: which signal goes to whom, and what happens where it cannot. */
#include "forward.h"

#include <errno.h>
#include <unistd.h>

#include "account.h"
#include "clock.h"
#include "log.h"
#include "procfs.h"

enum {
	RETRY = 2 * 1000000, /* ns until a full signal queue is tried again */
	RETRIES = 100,
};

pid_t forward_target(const struct forwarder *forwarder)
{
	pid_t pid = forwarder->child->pid;

	/* The group is the child's own as long as the child is unreaped. */
	return forwarder->options->target == TARGET_CHILD || forwarder->child->shares_group ? pid :
											      -pid;
}

static void note_shell_child(pid_t child, void *context)
{
	*(pid_t *)context = child;
}

/* sh -c 'PROGRAM' and wrapper scripts: the shell gets SIGTERM, and what it waits for does not. */
static void explain_shell(const struct forwarder *forwarder, int signal)
{
	static const char shells[] = "sh bash dash ash busybox ksh zsh";
	char name[PROCFS_NAME];
	pid_t main = forwarder->child->pid, below = 0;

	if (signal != SIGTERM || !log_says(LOG_INFO) || forward_target(forwarder) < 0 ||
	    !procfs_is_ours())
		return;
	procfs_name(main, name);
	if (!text_lists(shells, ' ', name) || !procfs_children(main, note_shell_child, &below) ||
	    !below)
		return;
	log_info(
		"shell-keeps-signal",
		"SIGTERM went to the shell %d{pid} (%q{name}), which may not pass it on to its "
		"child %d: use exec in the shell, the exec form of the image's command, or --group",
		(int)main, name, (int)below);
}

/*
 * At the receiver's RLIMIT_SIGPENDING the record is kept and tried again while the receiver works
 * off its queue (reaping goes on meanwhile); at last it goes without its value.
 */
static int forward_patiently(struct forwarder *forwarder, const struct signalfd_siginfo *record,
			     int signal, pid_t target)
{
	int error = signals_forward(record, signal, target);

	if (error != EAGAIN)
		return error;
	/* Once the main child has ended the receiver is one that must not be reaped under way. */
	for (int i = 0; reap_main_runs(forwarder->reaper) && i < RETRIES && !forwarder->full; i++) {
		clock_sleep(RETRY);
		reap_all(forwarder->reaper);
		if (!reap_main_runs(forwarder->reaper))
			return 0;
		error = signals_forward(record, signal, target);
		if (error != EAGAIN)
			return error;
	}
	forwarder->full = reap_main_runs(forwarder->reaper);
	log_warning("signal-value-lost",
		    "the signal queue of %d{target_pid} is full: sent without its value",
		    (int)target);
	return kill(target, signal) == 0 ? 0 : errno;
}

static void forward_to(struct forwarder *forwarder, const struct signalfd_siginfo *record,
		       int signal, pid_t target)
{
	int error = forward_patiently(forwarder, record, signal, target);

	/* A leader may leave its group for another; it is still the one to be told. */
	if (error == ESRCH && target < 0)
		error = signals_forward(record, signal, -target);
	if (error) {
		log_warning("forward-failed",
			    "cannot forward %S{signal} to %d{target_pid}: %e{errno}", signal,
			    (int)target, error);
		return;
	}
	forwarder->reaper->account->forwarded[signal]++;
	log_debug("signal-forwarded", "forwarded %S{received} to %d{target_pid} as %S{sent}",
		  (int)record->ssi_signo, (int)target, signal);
}

struct to_children {
	struct forwarder *forwarder;
	const struct signalfd_siginfo *record;
	int signal;
};

static void forward_to_child(pid_t child, void *context)
{
	const struct to_children *message = context;

	forward_to(message->forwarder, message->record, message->signal, child);
}

void forward_to_children(struct forwarder *forwarder, const struct signalfd_siginfo *record,
			 int signal)
{
	struct to_children message = { forwarder, record, signal };

	if (!procfs_is_ours() || !procfs_children(getpid(), forward_to_child, &message))
		log_warning("forward-failed",
			    "cannot forward: /proc does not tell zinit's children");
}

int forward_number(const struct forwarder *forwarder, int received)
{
	const struct options *options = forwarder->options;
	bool by_user = options->rewritten & signals_one(received);

	if (!by_user && options->contract->rewrites_stops && options->target == TARGET_SESSION &&
	    signals_stops(received))
		return SIGSTOP; /* the session's group is orphaned: the kernel would ignore the others */
	if (!by_user && options->contract->swallowed & signals_one(received))
		return 0;
	return options->rewrite[received];
}

/* Did the terminal send this to the main child, too? Then it is not to be sent twice. */
static bool is_shared(const struct forwarder *forwarder, const struct signalfd_siginfo *record)
{
	int signal = (int)record->ssi_signo;

	return forwarder->child->shares_group && record->ssi_code == SI_KERNEL &&
	       (signal == SIGINT || signal == SIGQUIT || signal == SIGWINCH ||
		signals_stops(signal));
}

void forward_to_main_child(struct forwarder *forwarder, const struct signalfd_siginfo *record,
			   int signal)
{
	if (is_shared(forwarder, record))
		return;
	if (signal == SIGINT)
		forwarder->interrupted = true;
	forward_to(forwarder, record, signal, forward_target(forwarder));
	explain_shell(forwarder, signal);
}
