package store

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"
)

// The test binary runs itself as another process, which does what this variable says.
const childEnv = "FRONTDESK_STORE_CHILD"

func TestMain(m *testing.M) {
	mode, path := os.Getenv(childEnv), os.Getenv("FRONTDESK_STORE_PATH")
	var err error
	switch mode {
	case "":
		os.Exit(m.Run())
	case "append":
		err = appendForEver(path)
	case "hold":
		err = hold(path)
	case "full":
		err = fillUp(path)
	case "golden": // FRONTDESK_STORE_CHILD=golden FRONTDESK_STORE_PATH=testdata/format2.db.gz go test .
		err = writeGolden(path)
	default:
		err = fmt.Errorf("unknown child %q", mode)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// child is such a process: lines are what it reports, closing stdin asks it to end.
type child struct {
	cmd   *exec.Cmd
	stdin io.Closer
	lines *bufio.Scanner
}

// startChild starts one that is gone when the test is over.
func startChild(t *testing.T, mode, path string) *child {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+mode, "FRONTDESK_STORE_PATH="+path)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return &child{cmd, stdin, bufio.NewScanner(stdout)}
}

// number reads the next report.
func (c *child) number() (n uint64, ok bool) {
	if !c.lines.Scan() {
		return 0, false
	}
	n, err := strconv.ParseUint(c.lines.Text(), 10, 64)
	return n, err == nil
}

// told is the record with that number, the same in every process.
func told(seq uint64) Record {
	rng := rand.New(rand.NewPCG(seq, seq))
	return Record{
		Seq: seq, Time: time.Unix(int64(seq), 0).UTC(), Side: Customers, Archive: strconv.Itoa(rng.IntN(40)), Kind: 2,
		Numbers: strconv.AppendUint(nil, seq, 10), Content: bytes.Repeat([]byte{byte(seq)}, 1+rng.IntN(800)),
	}
}

// tell appends n such records, with a row that says the last one's number.
func tell(s *Store, n int) error {
	var b Batch
	next := s.Next()
	for i := range n {
		b.Records = append(b.Records, told(next+uint64(i)))
	}
	b.Rows = []Row{{"cursor", "last", strconv.AppendUint(nil, next+uint64(n)-1, 10)}}
	return s.Append(next, b)
}

// appendForEver reports the number of the last durable record after each batch.
func appendForEver(path string) error {
	s, err := Open(path)
	if err != nil {
		return err
	}
	s.index.every = 150
	for {
		if err := tell(s, 1+rand.IntN(30)); err != nil {
			return err
		}
		last := s.Next() - 1
		if _, err := fmt.Println(last); err != nil {
			return err
		}
		if rand.IntN(20) == 0 {
			if err := s.Snapshot(last, bytes.Repeat([]byte{byte(last)}, 100_000)); err != nil {
				return err
			}
		}
	}
}

// hold has the file open, and reports the next number, until stdin ends.
func hold(path string) error {
	s, err := Open(path)
	if err != nil {
		return err
	}
	fmt.Println(s.Next())
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return err
	}
	return s.Close()
}

// fillUp appends until the file can't get larger, as on a full disk: writes are cut short in
// the middle of a commit. It reports the last durable record.
func fillUp(path string) error {
	s, err := Open(path)
	if err != nil {
		return err
	}
	if err := tell(s, 100); err != nil {
		return err
	}
	signal.Ignore(syscall.SIGXFSZ) // the write fails instead
	limit := uint64(s.Stats().FileSize) + 200_001
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: limit, Max: limit}); err != nil {
		return err
	}
	for range 10_000 {
		last := s.Next() - 1
		if first := tell(s, 100); first != nil {
			if err := tell(s, 1); err == nil || err.Error() != first.Error() || s.Next() != last+1 {
				return fmt.Errorf("after %v: %v, next %d", first, err, s.Next())
			}
			fmt.Println(last)
			return s.Close()
		}
	}
	return fmt.Errorf("%d records fit into %d bytes", s.Next()-1, limit)
}

// golden is what the files in testdata hold.
func golden() (Batch, Row, []byte) {
	b := Batch{Rows: []Row{{"session", "anna@agents.example/phone", []byte("online")}, {"cursor", "desk", []byte{}}}}
	for seq := uint64(1); seq <= 400; seq++ {
		r := Record{
			Seq: seq, Time: time.Unix(1_700_000_000, int64(seq)).UTC(), Side: Side(seq%2 + 1), Kind: uint16(seq * 163),
			Archive: []string{"lobby", "17", "", strconv.FormatUint(seq, 10)}[seq%4],
		}
		if seq%3 > 0 {
			r.Numbers = fmt.Appendf(nil, `{"t":%d}`, seq)
		}
		if seq%5 > 0 {
			r.Content = bytes.Repeat([]byte{'x'}, int(seq%7)*4)
		}
		b.Records = append(b.Records, r)
	}
	return b, Row{"cursor", "front", []byte("400")}, bytes.Repeat([]byte("state"), 20_000)
}

const goldenErased = 7 // the record whose content is erased

// writeGolden makes the file of the present format. It is done once for each format.
func writeGolden(path string) error {
	folder, err := os.MkdirTemp("", "golden")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	s, err := Open(filepath.Join(folder, "desk.db"))
	if err != nil {
		return err
	}
	b, row, state := golden()
	for len(b.Records) > 0 { // in pieces, so that chunks are filled up
		if err := s.Append(s.Next(), Batch{Records: b.Records[:40], Rows: b.Rows}); err != nil {
			return err
		}
		b.Records = b.Records[40:]
	}
	if err := s.Append(s.Next(), Batch{Rows: []Row{row}}); err != nil {
		return err
	}
	if _, err := s.Erase([]uint64{goldenErased}); err != nil {
		return err
	}
	if err := s.Snapshot(400, state); err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	z, err := gzip.NewWriterLevel(f, gzip.BestCompression)
	if err != nil {
		return err
	}
	if err := s.db.View(func(tx *bolt.Tx) error { _, err := tx.WriteTo(z); return err }); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	return f.Close()
}
