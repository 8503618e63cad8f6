/*
 * Supervising: the loop and its states.
 *
 *   state     entered when                                left when
 *   STARTING  the main child was cloned                   it has exec'd, or died
 *   RUNNING   it runs                                     it has ended
 *   WAITING   --wait-all: it has ended, others live on    none is left, or a stop signal with --grace
 *   STOPPING  the rest has had the polite signal          none is left, or the grace is over
 *   KILLING   the rest has had SIGKILL                    none is left, or a second is over
 *   DONE      nothing is left to do
 *
 * Without --grace and --wait-all RUNNING is followed by DONE at once.
 *
 * zinit sleeps in a blocking read of the signalfd. Only while a deadline stands, or the start
 * barrier is shut, it sleeps in ppoll(2) and then reads. There is no timerfd and no tick at rest.
 *
 * In the gap (STARTING) zinit shares its memory with the child, errno included. Until the barrier
 * is passed it makes no call that can fail: signalfd4, ppoll and read with all signals blocked, and
 * wait4, which always has the main child to wait for.
 */
#include "supervise.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "account.h"
#include "clock.h"
#include "descriptors.h"
#include "forward.h"
#include "log.h"
#include "pages.h"
#include "privileges.h"
#include "procfs.h"
#include "reap.h"
#include "sandbox.h"
#include "stop.h"
#include "watch.h"

enum state { STARTING, RUNNING, WAITING, STOPPING, KILLING, DONE };

/* What may be due: each has one time, 0 when it is not. */
enum deadline {
	REST, /* zinit first rests: its sandbox */
	TIMEOUT, /* --timeout is over */
	KILL_MAIN, /* the main child was told to stop and had its time */
	NEXT_ROUND, /* STOPPING, KILLING: look again who is left */
	GRACE_OVER, /* STOPPING: SIGKILL for the rest */
	GIVE_UP, /* KILLING: end whoever is left */
	WATCH, /* --watch: the next look */
	DEADLINES
};

enum {
	EARLY_TURNS = 16,
	BATCH = 16, /* records read at once */
	ROUND = 50 * 1000000, /* ns between two rounds of stopping */
	KILLING_ROUND = 10 * 1000000,
};

#define REST_AFTER (30 * 1000000L) /* ns: see rest_is_near() */
#define KILLING_TIME NANOSECONDS
#define DEFAULT_GRACE (2 * NANOSECONDS)

struct supervisor {
	const struct options *options;
	struct main_child *child;
	struct terminal *terminal;
	int signals;
	pid_t pid; /* zinit's own */
	enum state state;
	int64_t deadline[DEADLINES];
	long rest_left[2]; /* seconds and nanoseconds until REST, as long as it is no deadline */
	int early_turns; /* turns for which it is none */
	struct reaper reaper;
	struct forwarder forwarder;
	struct account account;
	int64_t grace;
	bool ended; /* the main child's end has been acted on */
	bool timed_out;
	bool broken; /* the signalfd cannot be read */
};

static void set_deadline(struct supervisor *supervisor, enum deadline which, int64_t from_now)
{
	supervisor->deadline[which] = clock_now() + from_now;
}

static bool main_runs(const struct supervisor *supervisor)
{
	return reap_main_runs(&supervisor->reaper);
}

/*
 * Zinit's own: SIGPIPE and SIGXFSZ of a log line, HUP and CONT of its TIOCNOTTY, TSTP of its job.
 * No other signal that comes from its pid can be: whoever executed zinit sent it to itself before.
 */
static bool is_own(const struct supervisor *supervisor, const struct signalfd_siginfo *record)
{
	const signal_set own = signals_one(SIGPIPE) | signals_one(SIGXFSZ) | signals_one(SIGHUP) |
			       signals_one(SIGCONT) | signals_one(SIGTSTP);

	return record->ssi_code == SI_USER && (pid_t)record->ssi_pid == supervisor->pid &&
	       own & signals_one((int)record->ssi_signo);
}

static void begin_stopping(struct supervisor *supervisor);

static void take_signal(struct supervisor *supervisor, const struct signalfd_siginfo *record)
{
	const struct options *options = supervisor->options;
	int received = (int)record->ssi_signo;
	int signal = forward_number(&supervisor->forwarder, received);
	bool stops = options->stop_on & signals_one(received);

	if (is_own(supervisor, record))
		return;
	if (options->pause) {
		if (received == SIGTERM || received == SIGINT)
			supervisor->state = DONE;
		return;
	}
	if (received == SIGCONT && main_runs(supervisor))
		terminal_continue(supervisor->terminal, supervisor->child->pid);
	if (signal && main_runs(supervisor))
		forward_to_main_child(&supervisor->forwarder, record, signal);
	else if (stops && supervisor->state == WAITING && supervisor->grace > 0)
		begin_stopping(supervisor); /* which tells all: nobody is told twice */
	else if (signal)
		forward_to_children(&supervisor->forwarder, record, signal);
	if (options->contract->stops_itself && signals_stops(received))
		kill(supervisor->pid, SIGSTOP);
	if (!stops)
		return;
	if (main_runs(supervisor) && options->stop_timeout != UNSET &&
	    !supervisor->deadline[KILL_MAIN])
		set_deadline(supervisor, KILL_MAIN, options->stop_timeout);
}

/* ---- the states ---- */

/* Nothing holds signals back any more, and zinit holds nothing that was inherited. */
static void settle_down(struct supervisor *supervisor)
{
	const struct options *options = supervisor->options;

	supervisor->state = RUNNING;
	if (options->report)
		account_open(&supervisor->account);
	if (options->watch != UNSET && watch_open(options, supervisor->child->pid))
		set_deadline(supervisor, WATCH, options->watch);
	signals_listen(supervisor->signals, SIGNALS_ALL);
	terminal_keep(supervisor->terminal);
	descriptors_release(supervisor->pid == 1,
			    (const int[]){ supervisor->signals, log_descriptor(),
					   supervisor->terminal->fd, account_descriptor() },
			    4);
}

/*
 * The child has news of its start. With --user zinit changes its own user in the gap: before the
 * program's first instruction.
 */
static void pass_barrier(struct supervisor *supervisor)
{
	const struct options *options = supervisor->options;
	enum spawn_news news = spawn_take_news(supervisor->child, options);

	if (news == SPAWN_WAITS) {
		log_prepare();
		privileges_follow();
		spawn_go(supervisor->child);
		return;
	}
	settle_down(supervisor);
	if (news == SPAWN_FAILED)
		return;
	if (privileges_wanted(options)) {
		supervisor->early_turns = 0;
		set_deadline(supervisor, REST, 0);
	}
	log_info("started", "started '%q' as %d{pid}", options->program[0],
		 (int)supervisor->child->pid);
}

/* The main child stopped or went on: passed on where zinit is a job of an interactive shell. */
static void pass_stop(struct supervisor *supervisor)
{
	siginfo_t info = { .si_pid = 0 };
	pid_t main = supervisor->child->pid;

	if (!supervisor->terminal->job || supervisor->state == STARTING || !main_runs(supervisor))
		return;
	if (waitid(P_PID, (id_t)main, &info, WSTOPPED | WCONTINUED | WNOHANG) != 0 ||
	    info.si_pid != main || info.si_code == CLD_CONTINUED)
		return;
	terminal_stop_with(supervisor->terminal, main, info.si_status);
	kill(-main, SIGCONT); /* the terminal stopped its whole group */
}

static void begin_killing(struct supervisor *supervisor)
{
	supervisor->state = KILLING;
	supervisor->deadline[GRACE_OVER] = 0;
	set_deadline(supervisor, GIVE_UP, KILLING_TIME);
	stop_name(LOG_INFO, "grace-over", "did not end in time: SIGKILL");
	stop_round(SIGKILL);
	set_deadline(supervisor, NEXT_ROUND, KILLING_ROUND);
}

static void begin_stopping(struct supervisor *supervisor)
{
	char verb[48];

	supervisor->state = STOPPING;
	set_deadline(supervisor, GRACE_OVER, supervisor->grace);
	stop_name(LOG_INFO, "left",
		  text_print(verb, sizeof(verb), "is left and gets %S",
			     supervisor->options->grace_signal));
	stop_round(supervisor->options->grace_signal);
	set_deadline(supervisor, NEXT_ROUND, ROUND);
}

/* Where nobody is left zinit is done. --wait-all is for descendants, stopping for everybody. */
static void look_who_is_left(struct supervisor *supervisor)
{
	bool childless = supervisor->reaper.childless;

	if (supervisor->state == WAITING ? childless : !stop_anybody_left(childless))
		supervisor->state = DONE;
}

/* The main child has ended and its status is known. */
static void end_main(struct supervisor *supervisor)
{
	supervisor->ended = true;
	supervisor->deadline[TIMEOUT] = supervisor->deadline[KILL_MAIN] = 0;
	while (supervisor->child->barrier >= 0)
		pass_barrier(supervisor); /* it died in the gap, and may have said why */
	if (supervisor->options->wait_all && !supervisor->timed_out)
		supervisor->state = WAITING;
	else if (supervisor->grace > 0)
		begin_stopping(supervisor);
	else
		supervisor->state = DONE;
	if (supervisor->state != DONE) {
		reap_all(&supervisor->reaper);
		look_who_is_left(supervisor);
	}
}

/*
 * dumb-init's contract: at the main child's end what is left of its group gets SIGTERM (which is
 * itself subject to rewriting). Called while the leader is dead and not yet reaped: as long as it is
 * not, the number of its group cannot be another's.
 */
static void tell_group_of_end(void *context)
{
	struct supervisor *supervisor = context;
	int signal = forward_number(&supervisor->forwarder, SIGTERM);
	pid_t target = forward_target(&supervisor->forwarder);

	if (target < 0 && signal)
		kill(target, signal);
}

/* --timeout is over: SIGTERM, and a time of its own until SIGKILL. */
static void time_out(struct supervisor *supervisor)
{
	const struct options *options = supervisor->options;
	pid_t main = supervisor->child->pid;

	log_warning("timed-out", "the main child %d{pid} ran into --timeout", (int)main);
	supervisor->timed_out = true;
	if (supervisor->grace == 0)
		supervisor->grace = DEFAULT_GRACE;
	kill(main, SIGTERM);
	kill(main, SIGCONT);
	set_deadline(supervisor, KILL_MAIN,
		     options->stop_timeout != UNSET ? options->stop_timeout : supervisor->grace);
}

static void kill_main(struct supervisor *supervisor)
{
	pid_t main = supervisor->child->pid;

	log_info("main-killed", "the main child %d{pid} did not end in time: SIGKILL", (int)main);
	kill(main, SIGKILL);
}

static void next_round(struct supervisor *supervisor)
{
	bool killing = supervisor->state == KILLING;
	int64_t begun, pause;

	reap_all(&supervisor->reaper);
	look_who_is_left(supervisor);
	if (supervisor->state == DONE)
		return;
	begun = clock_now();
	stop_round(killing ? SIGKILL : supervisor->options->grace_signal);
	/* A round over thousands is dear: a fifth of a CPU is enough for it. */
	pause = 4 * (clock_now() - begun);
	set_deadline(supervisor, NEXT_ROUND,
		     killing       ? KILLING_ROUND :
		     pause > ROUND ? pause :
				     ROUND);
}

static void give_up(struct supervisor *supervisor)
{
	stop_name(LOG_WARNING, "still-left", "is left behind");
	supervisor->state = DONE;
}

static void meet_deadline(struct supervisor *supervisor, enum deadline which, int64_t now)
{
	supervisor->deadline[which] = 0;
	switch (which) {
	case REST:
		if (!supervisor->options->no_sandbox) {
			log_prepare();
			sandbox_enter(supervisor->options);
		}
		reap_calibrate(&supervisor->reaper);
		spawn_let_go();
		pages_let_go();
		break;
	case TIMEOUT:
		time_out(supervisor);
		break;
	case KILL_MAIN:
		kill_main(supervisor);
		break;
	case NEXT_ROUND:
		next_round(supervisor);
		break;
	case GRACE_OVER:
		begin_killing(supervisor);
		break;
	case GIVE_UP:
		give_up(supervisor);
		break;
	case WATCH:
		supervisor->deadline[WATCH] = watch_tick(supervisor->options, now);
		break;
	case DEADLINES:
		break;
	}
}

/* ---- the loop ---- */

static int64_t next_deadline(const struct supervisor *supervisor)
{
	int64_t next = supervisor->reaper.due > 0 ? supervisor->reaper.due : 0;

	for (int i = 0; i < DEADLINES; i++)
		if (supervisor->deadline[i] && (!next || supervisor->deadline[i] < next))
			next = supervisor->deadline[i];
	return next;
}

/*
 * The first rest comes after 30 ms, so that what is done in it (the sandbox, memory given back: some
 * fifty system calls) is done within the first 50 ms, after which nothing ticks. A program that ends
 * before should not pay for a clock (the first look at it takes two page faults), so for a few turns
 * the time that is left is what ppoll(2) itself left of it: the raw call writes it back. Under load,
 * which leaves no time over, it becomes a deadline like the others.
 */
static bool rest_is_near(struct supervisor *supervisor)
{
	if (supervisor->early_turns == 0 || supervisor->state == STARTING)
		return false;
	if (--supervisor->early_turns && !next_deadline(supervisor))
		return true;
	supervisor->early_turns = 0;
	set_deadline(supervisor, REST, supervisor->rest_left[1]);
	return false;
}

/* Sleeps until a signal, the barrier or a deadline; returns whether signals can be read. */
static bool sleep_until(struct supervisor *supervisor, int64_t deadline, bool near)
{
	struct pollfd ready[] = { { .fd = supervisor->signals, .events = POLLIN },
				  { .fd = supervisor->child->barrier, .events = POLLIN } };
	long timeout[2] = { 0, 0 }, *left = deadline ? timeout :
					    near     ? supervisor->rest_left :
						       NULL;
	int64_t wait = deadline ? deadline - clock_now() : 0;
	long count;

	if (wait > 0) {
		timeout[0] = (long)(wait / NANOSECONDS);
		timeout[1] = (long)(wait % NANOSECONDS);
	}
	count = syscall(SYS_ppoll, ready, 2, left, NULL, sizeof(signal_set));
	if (count == 0 && left == supervisor->rest_left) {
		supervisor->early_turns = 0;
		meet_deadline(supervisor, REST, 0);
	}
	if (count <= 0)
		return false;
	if (ready[1].revents)
		pass_barrier(supervisor);
	return ready[0].revents;
}

/*
 * Waits for what comes next. Returns how many records were read.
 * A read that fails in a way that nobody foresaw is said once; then zinit looks twenty times a
 * second for what it can no longer be told.
 */
static int wait_for_records(struct supervisor *supervisor, struct signalfd_siginfo records[BATCH])
{
	bool near = rest_is_near(supervisor);
	int64_t deadline;
	ssize_t length;

	if (supervisor->broken)
		set_deadline(supervisor, NEXT_ROUND, ROUND);
	deadline = next_deadline(supervisor);
	if ((near || deadline || supervisor->child->barrier >= 0) &&
	    !sleep_until(supervisor, deadline, near))
		return 0;
	length = read(supervisor->signals, records, BATCH * sizeof(records[0]));
	if (length < 0 && errno != EINTR && errno != EAGAIN && !supervisor->broken) {
		log_error("signals-lost", "cannot read signals: %e{errno}", errno);
		supervisor->broken = true;
	}
	return length < 0 ? 0 : (int)((size_t)length / sizeof(records[0]));
}

static void turn(struct supervisor *supervisor)
{
	struct signalfd_siginfo records[BATCH];
	int count = wait_for_records(supervisor, records);
	int64_t now;

	for (int i = 0; i < count; i++) {
		if (records[i].ssi_signo == SIGCHLD) {
			pass_stop(supervisor);
			reap_child(&supervisor->reaper, &records[i]);
		} else {
			take_signal(supervisor, &records[i]);
		}
	}
	now = next_deadline(supervisor) > 0 ? clock_now() : 0;
	reap_owed(&supervisor->reaper, now);
	if (supervisor->child->pid && !supervisor->ended && !main_runs(supervisor))
		end_main(supervisor);
	else if (supervisor->state >= WAITING && supervisor->state < DONE)
		look_who_is_left(supervisor);
	for (int i = 0; i < DEADLINES && supervisor->state != DONE; i++)
		if (supervisor->deadline[i] && supervisor->deadline[i] <= now)
			meet_deadline(supervisor, (enum deadline)i, now);
}

/* ---- the end ---- */

static int exit_status(const struct supervisor *supervisor)
{
	int status = supervisor->reaper.main_status;
	int code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);

	if (supervisor->options->pause)
		return 0;
	if (supervisor->timed_out)
		return 124;
	return options_remaps(supervisor->options, code) ? 0 : code;
}

/*
 * Ctrl-C reaches the foreground group alone, which was the child's: zinit's own group, with the
 * script that runs zinit in a loop, has not had it. Without zinit it would have.
 */
static bool died_of_ctrl_c(const struct supervisor *supervisor)
{
	int status = supervisor->reaper.main_status;

	return supervisor->terminal->handed && !supervisor->forwarder.interrupted &&
	       WIFSIGNALED(status) && WTERMSIG(status) == SIGINT && supervisor->pid != 1;
}

static int finish(struct supervisor *supervisor)
{
	const struct options *options = supervisor->options;
	int status = supervisor->reaper.main_status, code = exit_status(supervisor);

	terminal_give_back(supervisor->terminal);
	if (options->report) {
		supervisor->account.main_status = status;
		supervisor->account.held = watch_held(true);
		account_report(&supervisor->account, options->report,
			       options->log_format == LOG_JSON, supervisor->child->pid);
	}
	if (supervisor->child->pid == 0 || code < 128 || supervisor->timed_out ||
	    supervisor->pid == 1)
		return code;
	if (!WIFSIGNALED(status))
		return code;
	if (died_of_ctrl_c(supervisor))
		kill(0, SIGINT);
	else if (!options->exit_by_signal)
		return code;
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* a core of zinit's own would tell nothing */
	signals_die_of(WTERMSIG(status));
	return code;
}

int supervise(const struct options *options, struct main_child *child, struct terminal *terminal,
	      int signals)
{
	static struct supervisor supervisor;

	supervisor = (struct supervisor){
		.options = options,
		.child = child,
		.terminal = terminal,
		.signals = signals,
		.pid = child->zinit,
		.state = STARTING,
		.rest_left = { 0, REST_AFTER },
		.early_turns = EARLY_TURNS,
		.grace = options->grace,
		.reaper = {
			.main_child = child->pid,
			.main_status = STILL_RUNNING,
			.says_orphans = options->warn_on_reap,
			.wants_usage = options->warn_on_reap || options->report,
			.account = &supervisor.account,
			.due = -1, /* for what had ended before the exec of zinit */
			.main_dead = options->contract->term_at_end ? tell_group_of_end : NULL,
			.context = &supervisor,
		},
	};
	supervisor.forwarder = (struct forwarder){
		.options = options,
		.child = child,
		.reaper = &supervisor.reaper,
	};
	if (options->timeout != UNSET)
		set_deadline(&supervisor, TIMEOUT, options->timeout);
	if (child->pid == 0)
		settle_down(&supervisor);
	while (supervisor.state != DONE)
		turn(&supervisor);
	return finish(&supervisor);
}
