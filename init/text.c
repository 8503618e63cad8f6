/* Bounded text: formatting without heap and stdio. */
#include "text.h"

#include <ctype.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>

#include "signals.h"

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

static void add_quoted(struct text *text, const char *string, int width)
{
	size_t most = width ? (size_t)(width < 0 ? -width : width) : SIZE_MAX;
	size_t begun = text->length;

	for (size_t i = 0; i < most && string[i]; i++) {
		if (string[i] >= ' ' && string[i] <= '~' && string[i] != '\\') {
			add_byte(text, string[i]);
			continue;
		}
		add_bytes(text, "\\x", 2);
		add_hex(text, (unsigned char)string[i]);
	}
	if (width)
		while (text->length - begun < most && text->length < text->size - 1)
			add_byte(text, ' ');
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

/* Takes back what was added since. */
static void cut_back(struct text *text, size_t length)
{
	text->length = length;
	text->start[length] = '\0';
}

/* Appends `,"name":` and the string, or the number where there is none; nothing if it has no room. */
static void add_field(struct text *fields, const char *name, size_t length, const char *string,
		      long long number)
{
	size_t before = fields->length;
	bool whole = true;

	add_bytes(fields, ",\"", 2);
	add_bytes(fields, name, length);
	add_bytes(fields, "\":", 2);
	if (string)
		whole = text_add_json(fields, string);
	else
		text_add(fields, "%lld", number);
	if (!whole || fields->length >= fields->size - 1)
		cut_back(fields, before);
}

void text_add_fields(struct text *text, struct text *fields, const char *format, va_list arguments)
{
	for (; *format; format++) {
		int width = 0, longs = 0;
		bool left = false, hidden = false;
		char fill = ' ', name[SIGNAL_NAME_SIZE];
		const char *string = NULL;
		long long number = 0;
		size_t before = text->length;

		if (*format != '%') {
			add_byte(text, *format);
			continue;
		}
		for (format++; *format == '-' || *format == '!'; format++)
			*(*format == '-' ? &left : &hidden) = true;
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
			string = va_arg(arguments, const char *);
			add_quoted(text, string, width);
			break;
		case 'S':
			string = signals_name(name, va_arg(arguments, int));
			add_bytes(text, string, strlen(string));
			break;
		case 'e':
			number = va_arg(arguments, int);
			text_add(text, "%s", strerror((int)number));
			break;
		case 'T':
			number = va_arg(arguments, long long);
			text_add(text, "%lld.%03d s", number / 1000000,
				 (int)(number / 1000 % 1000));
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
			number = (long long)(longs == 2 ? va_arg(arguments, unsigned long long) :
					     longs == 1 ? va_arg(arguments, unsigned long) :
							  va_arg(arguments, unsigned));
			add_number(text, (unsigned long long)number, false,
				   *format == 'u' ? 10 : 16, width, fill);
			break;
		default:
			add_byte(text, *format);
			break;
		}
		if (hidden)
			cut_back(text, before);
		if (format[1] == '{') {
			const char *field = format + 2;

			format = strchr(field, '}');
			if (fields)
				add_field(fields, field, (size_t)(format - field), string, number);
		}
	}
}

void text_add(struct text *text, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	text_add_fields(text, NULL, format, arguments);
	va_end(arguments);
}

char *text_print(char *buffer, size_t size, const char *format, ...)
{
	struct text text;
	va_list arguments;

	text_start(&text, buffer, size);
	va_start(arguments, format);
	text_add_fields(&text, NULL, format, arguments);
	va_end(arguments);
	return buffer;
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
	const size_t before = text->length;
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
	cut_back(text, before); /* full to the last byte: something may be missing */
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

/* What comes behind the next `between`, NULL where there is none. */
static const char *next_behind(const char *text, char between)
{
	const char *at = strchr(text, between);

	return at ? at + 1 : NULL;
}

size_t text_until(const char *string, char end)
{
	return (size_t)(strchrnul(string, end) - string);
}

char *text_cut(char **at, char end)
{
	char *word = *at, *stop = word ? strchr(word, end) : NULL;

	if (stop)
		*stop++ = '\0';
	*at = stop;
	return word;
}

bool text_lists(const char *list, char between, const char *word)
{
	size_t length = strlen(word);

	for (; list; list = next_behind(list, between))
		if (strncmp(list, word, length) == 0 && (!list[length] || list[length] == between))
			return length > 0 && !strchr(word, between);
	return false;
}

const char *text_behind(const char *text, const char *key, char end)
{
	size_t length = strlen(key);

	for (; text; text = next_behind(text, '\n'))
		if (strncmp(text, key, length) == 0 && text[length] == end)
			return text + length + 1;
	return NULL;
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
	const char *word = *at;
	bool negative;
	int number = 0;

	while (isspace((unsigned char)*word))
		word++;
	negative = *word == '-';
	if (*word == '-' || *word == '+')
		word++;
	for (; *word >= '0' && *word <= '9'; word++) {
		number = number > (INT_MAX - 9) / 10 ? INT_MAX : number * 10 + (*word - '0');
		*at = word + 1;
	}
	return negative ? -number : number;
}
