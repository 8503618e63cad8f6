/*
 * Pages: what zinit needs of memory at rest is little, and the rest is given back.
 */
#ifndef ZINIT_PAGES_H
#define ZINIT_PAGES_H

/* For large buffers: on pages of their own, behind all small variables (layout.ld). */
#define ON_OWN_PAGES __attribute__((aligned(4096), section(".bss.large")))

/*
 * Gives back what only the start needed: the code and constants outside of the loop, the main
 * child's stack before its exec, and what options took of zinit's own. Code comes back from the
 * file when it is used again. Called when zinit first rests.
 */
void pages_let_go(void);

#endif
