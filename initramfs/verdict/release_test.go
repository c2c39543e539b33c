package verdict

import "testing"

func TestRange(t *testing.T) {
	tests := []struct {
		kernels, release string
		want             bool
	}{
		{">=6.12 <7.4", "6.12.117-teardown", true},
		{">=6.12 <7.4", "7.3.4", true},
		{">=6.12 <7.4", "7.3.0-rc5+", true},
		{">=6.12 <7.4", "7.4.0", false},
		{">=6.12 <7.4", "7.4.0-rc1", false}, // a candidate counts as its release
		{">=6.12 <7.4", "6.1.192", false},
		{">=6.12 <7.4", "6.2.0", false}, // numbers, not text
		{">=6.1", "6.1.0-rc3+", true},
		{"<=7.3", "7.3.4", true}, // 7.3 is the whole line
		{">7.3", "7.3.4", false},
		{">7.3", "7.4.0-rc1", true},
		{"6.12", "6.12.117", true},
		{"=6.12.117", "6.12.117-teardown", true},
		{"=6.12.117", "6.12.118", false},
		{"<6.12.100", "6.12.99", true},
		{"<6.12.100", "6.12.117", false},
		{"=6.12.0", "6.12-rc2", true},
		{"<7.4-rc2", "7.4.0-rc1", true},
		{"<7.4-rc2", "7.4.0-rc2", false},
		{"<7.4-rc2", "7.4.1", false},
		{">=7.4-rc2", "7.4.0", true},
		{">=6.12", "unreadable", false},
		{">=6.12", "", false},
		{">=5.10", "5.1234567", false},
	}
	for _, tt := range tests {
		r, err := parseRange(tt.kernels)
		if err != nil {
			t.Errorf("parseRange(%q): %v", tt.kernels, err)
			continue
		}
		issue := Issue{kernels: []releaseRange{r}}
		if got := issue.in(tt.release); got != tt.want {
			t.Errorf("%q holds for %q = %v, want %v", tt.kernels, tt.release, got, tt.want)
		}
	}
}

func TestRangeErrors(t *testing.T) {
	for _, s := range []string{"", " ", ">=", "6", ">=6.12,<7.4", "=>6.12", ">=6.12.1.2", "> 6.12", "6.12-rc", "v6.12"} {
		if r, err := parseRange(s); err == nil {
			t.Errorf("parseRange(%q) = %v, want an error", s, r)
		}
	}
}
