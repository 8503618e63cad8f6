/*
 * Large buffers start on pages of their own and are sorted before all small variables (the linker's
 * --sort-section=alignment): a page that is never touched costs nothing, and what is touched at
 * the start lies together on one.
 */
#ifndef ZINIT_PAGES_H
#define ZINIT_PAGES_H

#define ON_OWN_PAGES __attribute__((aligned(4096)))

#endif
