/* Bounded text: formatting without heap and stdio. */
#include "text.h"

#include <limits.h>
#include <stdint.h>
#include <string.h>

void text_start(struct text *text, char *buffer, size_t size)
{
	*text = (struct text){ .start = buffer, .size = size };
	buffer[0] = '\0';
}

static void add_bytes(struct text *text, const char *bytes, size_t count)
{
	size_t room = text->size - text->length - 1;

	if (count > room)
		count = room;
	memcpy(text->start + text->length, bytes, count);
	text->length += count;
	text->start[text->length] = '\0';
}

static void add_byte(struct text *text, char byte)
{
	add_bytes(text, &byte, 1);
}

static void add_padded(struct text *text, const char *bytes, size_t count, int width, char fill)
{
	size_t field = width < 0 ? (size_t)-width : (size_t)width;

	if (width < 0)
		add_bytes(text, bytes, count);
	for (size_t i = count; i < field; i++)
		add_byte(text, fill);
	if (width >= 0)
		add_bytes(text, bytes, count);
}

static void add_hex(struct text *text, unsigned char byte)
{
	static const char digits[] = "0123456789abcdef";

	add_byte(text, digits[byte >> 4]);
	add_byte(text, digits[byte & 15]);
}

static void add_quoted(struct text *text, const char *string)
{
	for (; *string; string++) {
		if (*string >= ' ' && *string <= '~' && *string != '\\') {
			add_byte(text, *string);
			continue;
		}
		add_bytes(text, "\\x", 2);
		add_hex(text, (unsigned char)*string);
	}
}

static void add_number(struct text *text, unsigned long long value, bool negative, unsigned base,
		       int width, char fill)
{
	char digits[24];
	size_t at = sizeof(digits);

	do {
		digits[--at] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	if (negative)
		digits[--at] = '-';
	add_padded(text, digits + at, sizeof(digits) - at, width, fill);
}

void text_add_list(struct text *text, const char *format, va_list arguments)
{
	for (; *format; format++) {
		int width = 0, longs = 0;
		bool left = false;
		char fill = ' ';
		const char *string;
		long long number;

		if (*format != '%') {
			add_byte(text, *format);
			continue;
		}
		format++;
		for (; *format == '-'; format++)
			left = true;
		if (*format == '0')
			fill = '0';
		for (; *format >= '0' && *format <= '9'; format++)
			width = width * 10 + (*format - '0');
		if (left)
			width = -width;
		for (; *format == 'l'; format++)
			longs++;
		switch (*format) {
		case 's':
			string = va_arg(arguments, const char *);
			add_padded(text, string, strlen(string), width, ' ');
			break;
		case 'q':
			add_quoted(text, va_arg(arguments, const char *));
			break;
		case 'e':
			string = strerror(va_arg(arguments, int));
			add_bytes(text, string, strlen(string));
			break;
		case 'c':
			add_byte(text, (char)va_arg(arguments, int));
			break;
		case 'd':
			number = longs == 2 ? va_arg(arguments, long long) :
				 longs == 1 ? va_arg(arguments, long) :
					      va_arg(arguments, int);
			add_number(text,
				   number < 0 ? -(unsigned long long)number :
						(unsigned long long)number,
				   number < 0, 10, width, fill);
			break;
		case 'u':
		case 'x':
			add_number(text,
				   longs == 2 ? va_arg(arguments, unsigned long long) :
				   longs == 1 ? va_arg(arguments, unsigned long) :
						va_arg(arguments, unsigned),
				   false, *format == 'u' ? 10 : 16, width, fill);
			break;
		default:
			add_byte(text, *format);
			break;
		}
	}
}

void text_add(struct text *text, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	text_add_list(text, format, arguments);
	va_end(arguments);
}

/*
 * Returns the length of the valid UTF-8 sequence at `s`, 0 when there is none: no overlong form, no
 * surrogate, nothing above U+10FFFF (the table of RFC 3629, section 4).
 */
static size_t sequence_length(const unsigned char *s)
{
	unsigned char low = 0x80, high = 0xbf;
	size_t length;

	if (s[0] < 0x80)
		return 1;
	if (s[0] >= 0xc2 && s[0] <= 0xdf)
		length = 2;
	else if (s[0] >= 0xe0 && s[0] <= 0xef)
		length = 3;
	else if (s[0] >= 0xf0 && s[0] <= 0xf4)
		length = 4;
	else
		return 0;
	if (s[0] == 0xe0)
		low = 0xa0;
	else if (s[0] == 0xed)
		high = 0x9f;
	else if (s[0] == 0xf0)
		low = 0x90;
	else if (s[0] == 0xf4)
		high = 0x8f;
	if (s[1] < low || s[1] > high)
		return 0;
	for (size_t i = 2; i < length; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	return length;
}

bool text_add_json(struct text *text, const char *string)
{
	const struct text before = *text;
	const unsigned char *s = (const unsigned char *)string;
	size_t length;

	add_byte(text, '"');
	while (*s) {
		length = sequence_length(s);
		if (length == 0) {
			add_bytes(text, "\\ufffd", 6);
			s++;
			continue;
		}
		if (*s == '"' || *s == '\\') {
			add_byte(text, '\\');
			add_byte(text, (char)*s);
		} else if (*s < 0x20 || *s == 0x7f) {
			add_bytes(text, "\\u00", 4);
			add_hex(text, *s);
		} else {
			add_bytes(text, (const char *)s, length);
		}
		s += length;
	}
	add_byte(text, '"');
	if (text->length < text->size - 1)
		return true;
	/* Full to the last byte: something may be missing. */
	*text = before;
	text->start[text->length] = '\0';
	return false;
}

bool text_number(const char *word, unsigned long long most, unsigned long long *value)
{
	unsigned long long number = 0;

	if (!*word)
		return false;
	for (; *word; word++) {
		unsigned digit = (unsigned)*word - '0';

		if (digit > 9 || number > (most - digit) / 10 || digit > most)
			return false;
		number = number * 10 + digit;
	}
	*value = number;
	return true;
}

char *text_find(char *line, const char *part)
{
	for (size_t length = strlen(part); *line; line++)
		if (strncmp(line, part, length) == 0)
			return line;
	return NULL;
}

int text_integer(const char **at)
{
	const char *word = *at + strspn(*at, " \t\n\v\f\r");
	bool negative = *word == '-';
	int number = 0;

	if (*word == '-' || *word == '+')
		word++;
	for (; *word >= '0' && *word <= '9'; word++) {
		number = number > (INT_MAX - 9) / 10 ? INT_MAX : number * 10 + (*word - '0');
		*at = word + 1;
	}
	return negative ? -number : number;
}
