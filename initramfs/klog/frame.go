package klog

import "strings"

// Frame is one line of a kernel stack trace.
type Frame struct {
	Symbol string // as kallsyms has it: fdb_create, inetdev_init.constprop.0
	Offset string // offset and size: 0x2b/0x160; empty where they are not printed
	Module string // empty for vmlinux
	Guess  bool   // the unwinder does not vouch for it ("? " before it)
}

// String writes the frame as %pS does.
func (f Frame) String() string {
	s := f.Symbol
	if f.Offset != "" {
		s += "+" + f.Offset
	}
	if f.Module != "" {
		s += " [" + f.Module + "]"
	}
	return s
}

// Function is the name of the function in the source: the symbol without what
// the compiler added (.isra.0, .constprop.0, .part.0, .cold).
func (f Frame) Function() string {
	if i := strings.IndexByte(f.Symbol, '.'); i > 0 {
		return f.Symbol[:i]
	}
	return f.Symbol
}

// ParseFrame parses a line of a stack trace as printk_stack_address() of
// arch/x86/kernel/dumpstack.c, stack_trace_print() of kernel/stacktrace.c and
// print_unreferenced() of mm/kmemleak.c print it: blanks, perhaps the address
// in [<>], perhaps "? ", the symbol with offset and size, perhaps the module
// with its build ID.
func ParseFrame(s string) (Frame, bool) {
	plus := strings.Index(s, "+0x")
	if plus < 0 {
		return Frame{}, false
	}
	var f Frame
	f.Symbol = strings.TrimLeft(s[:plus], " \t")
	if strings.HasPrefix(f.Symbol, "[<") {
		_, f.Symbol, _ = strings.Cut(f.Symbol, ">]")
		f.Symbol = strings.TrimLeft(f.Symbol, " ")
	}
	f.Symbol, f.Guess = strings.CutPrefix(f.Symbol, "? ")
	if f.Symbol == "" || !all(f.Symbol, symbolByte) || f.Symbol[0] >= '0' && f.Symbol[0] <= '9' {
		return Frame{}, false
	}
	rest := strings.TrimRight(s[plus+1:], " \t")
	f.Offset, rest, _ = strings.Cut(rest, " ")
	offset, size, ok := strings.Cut(f.Offset, "/0x")
	if !ok || len(offset) < 3 || size == "" || !all(offset[2:], hexByte) || !all(size, hexByte) {
		return Frame{}, false
	}
	if rest == "" {
		return f, true
	}
	if len(rest) < 3 || rest[0] != '[' || rest[len(rest)-1] != ']' {
		return Frame{}, false
	}
	f.Module, _, _ = strings.Cut(rest[1:len(rest)-1], " ")
	return f, f.Module != "" && all(f.Module, symbolByte)
}

func all(s string, is func(byte) bool) bool {
	for i := range len(s) {
		if !is(s[i]) {
			return false
		}
	}
	return true
}

func symbolByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '.' || c == '$' || c == '-'
}

func hexByte(c byte) bool { return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' }

// Sites returns the functions of the first n frames that say something about
// the bug: not the machinery of reports, allocators, fault injection and
// kernel entry ([plumbing]), and not the unwinder's guesses.
func Sites(frames []Frame, n int) []string {
	var out []string
	for _, f := range frames {
		if f.Guess || plumbing(f.Function()) {
			continue
		}
		out = append(out, f.Function())
		if len(out) == n {
			break
		}
	}
	return out
}
