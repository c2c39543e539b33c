// Package kmemleak drives the kernel's memory leak detector through its file
// in debugfs and parses what it reports.
//
// # When an object is reported
//
// What follows was read in mm/kmemleak.c of 5.10, 6.1, 6.12, 7.2 and 7.3. A
// scan (kmemleak_scan()) counts the references to every object. One without
// enough of them is white. The scan then computes the CRC of each white object:
// where it differs from the one stored, the new one is stored and the object
// is made grey until the next scan (update_checksum()). What is still white,
// and was allocated MSECS_MIN_AGE (5 s) or longer before the scan began
// (unreferenced_object(): jiffies_last_scan is set at its start), is reported.
//
// So an object that is never modified again needs two scans, and only the
// second must begin 5 s after the allocation: the first may come at any time
// after the last modification. By line:
//
//   - 5.10 and 6.1: the stored CRC begins as 0, which is also the CRC of
//     zeroes, so an object full of zeroes is reported by a single scan after
//     5 s. All others need two. Per-CPU memory is never reported.
//   - 6.12 and 7.2: the CRC begins as ~0; always two scans.
//   - 7.3: two scans. Each that finds suspects runs a second pass at once
//     (__kmemleak_scan(false)) and reports what both left white. With
//     CONFIG_DEBUG_KMEMLEAK_VERBOSE, or min_unref_scans=N on the command
//     line, 1+N scans: one for the CRC, then N that begin 5 s or more after the
//     allocation (confirm_leak()).
//
// What has been reported stays listed for as long as each later scan finds it
// unreferenced, and is listed only if the latest one did.
//
// # Procedure
//
// The shortest correct procedure, on every line, is the one of
// [Detector.Collect]: one scan shortly before the last allocation is 5 s old
// (not at once: what still lies on a stack then would have no CRC stored), one
// when it is, then read. That costs the 5 s and one scan. Where something is
// reported, 100 ms and one more scan confirm it: a live object whose only
// reference was being moved is not white again. Scans go on, at most five
// times, while they report different sets.
//
// A scan walks the whole stack of each thread, the dead part included: what a
// thread that sleeps once had in its hands counts as referenced. Let the
// threads that provoked end before Collect.
//
//	d := kmemleak.New(kmemleak.DebugFS)
//	err := d.StopThread()               // no scans but ours
//	mark, err := d.Jiffies()            // what is older was not ours
//	...                                 // provoke
//	last := time.Now()
//	leaks, err := d.Collect(ctx, last, kmemleak.SystemClock())
//
// A planted leak that is allocated last and is among the reports proves that
// the scans were not cut short and that the age was reached.
//
// What the boot itself has leaked can be told by [Leak.Jiffies] without a
// scan. The baseline that other suites take (scan, 5 s, scan, clear) is
// Collect followed by [Detector.Clear]; it costs 5 s more unless the guest is
// that old already, and makes the objects roots that can hide later leaks.
//
// # Signals
//
// scan_should_stop() ends a scan when the writing thread has a signal pending,
// reports nothing new and lets the write succeed. The Detector therefore
// writes from a locked thread with all signals blocked.
package kmemleak
