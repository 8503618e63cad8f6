/* work.h: the orders that work.c takes. */
#ifndef WORK_H
#define WORK_H

struct order {
	int what, count;
};

enum {
	LIVE = 'l', /* `count` children for the init that live */
	ONE_BY_ONE = 'o', /* `count` for it that end, each once the one before is reaped */
	ENDED = 'e', /* `count` for it that have ended */
	GONE = 'g', /* waits until those of the last ENDED are reaped */
};

struct burst {
	int arrived, with_value;
};

enum { BURST_SIGNAL = 40, BURST_MOST = 20000 };

#endif
