package store

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// spread is a batch of n records with content of size bytes, over so many archives at random.
func spread(rng *rand.Rand, n, archives, size int) Batch {
	b := Batch{Records: make([]Record, n)}
	now := time.Now()
	for i := range b.Records {
		b.Records[i] = Record{
			Time: now, Side: Customers, Archive: strconv.Itoa(rng.IntN(archives)), Kind: 2,
			Numbers: []byte(`{"t":17,"c":3,"a":"anna@agents.example"}`), Content: make([]byte, size),
		}
	}
	return b
}

func benchStore(b *testing.B) *Store {
	s, err := Open(filepath.Join(b.TempDir(), "desk.db"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	return s
}

// BenchmarkAppend is durable: every batch is one commit with its fsyncs. "overhead" is bytes in use
// per byte of content.
func BenchmarkAppend(b *testing.B) {
	for _, archives := range []int{300, 100_000} {
		for _, n := range []int{1, 10, 200, 1000} {
			b.Run(fmt.Sprintf("archives=%d/batch=%d", archives, n), func(b *testing.B) {
				s := benchStore(b)
				rng := rand.New(rand.NewPCG(1, 2))
				batch := spread(rng, n, archives, 400)
				var slowest time.Duration
				for b.Loop() {
					for i := range batch.Records {
						batch.Records[i].Archive = strconv.Itoa(rng.IntN(archives))
					}
					start := time.Now()
					if err := s.Append(s.Next(), batch); err != nil {
						b.Fatal(err)
					}
					slowest = max(slowest, time.Since(start))
				}
				records := float64(s.Next() - 1)
				b.ReportMetric(records/b.Elapsed().Seconds(), "records/s")
				b.ReportMetric(float64(s.Stats().FileSize)/records, "bytes/record")
				b.ReportMetric(float64(s.Stats().FileSize)/records/400, "overhead")
				b.ReportMetric(float64(slowest.Microseconds())/1000, "max-ms")
			})
		}
	}
}

// BenchmarkPage reads 50 records at the ends and in the middle of an archive of a million, and with
// an appender at work.
func BenchmarkPage(b *testing.B) {
	const records = 1_000_000
	s := benchStore(b)
	s.db.NoSync = true
	batch := spread(rand.New(rand.NewPCG(1, 2)), 2000, 1, 400)
	for s.Next() <= records {
		if err := s.Append(s.Next(), batch); err != nil {
			b.Fatal(err)
		}
	}
	s.db.NoSync = false
	pages := []struct {
		name string
		q    Query
	}{
		{"first", Query{Limit: 50}},
		{"last", Query{Limit: 50, Last: true}},
		{"after", Query{Limit: 50, After: records / 2}},
		{"before", Query{Limit: 50, Before: records / 2, Last: true}},
	}
	read := func(b *testing.B, q Query) {
		var slowest time.Duration
		for b.Loop() {
			start := time.Now()
			if page, more, err := s.Page("0", q); err != nil || len(page) != 50 || !more {
				b.Fatal(len(page), more, err)
			}
			slowest = max(slowest, time.Since(start))
		}
		b.ReportMetric(float64(slowest.Microseconds())/1000, "max-ms")
	}
	for _, p := range pages {
		b.Run(p.name, func(b *testing.B) { read(b, p.q) })
	}
	done, stop := make(chan error), make(chan struct{})
	go func() {
		live := spread(rand.New(rand.NewPCG(3, 4)), 200, 300, 400)
		for {
			select {
			case <-stop:
				done <- nil
				return
			default:
				if err := s.Append(s.Next(), live); err != nil {
					done <- err
					return
				}
			}
		}
	}()
	for _, p := range pages {
		b.Run(p.name+"/appending", func(b *testing.B) { read(b, p.q) })
	}
	close(stop)
	if err := <-done; err != nil {
		b.Fatal(err)
	}
}

// BenchmarkOpen opens a long log right before a sweep would start, when the most has to be read again.
func BenchmarkOpen(b *testing.B) {
	path := filepath.Join(b.TempDir(), "desk.db")
	s, err := Open(path)
	if err != nil {
		b.Fatal(err)
	}
	s.db.NoSync = true
	batch := spread(rand.New(rand.NewPCG(1, 2)), 1000, 100_000, 400)
	rng := rand.New(rand.NewPCG(1, 2))
	for s.Next() < 500_000 {
		for i := range batch.Records {
			batch.Records[i].Archive = strconv.Itoa(rng.IntN(100_000))
		}
		if err := s.Append(s.Next(), batch); err != nil {
			b.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		s, err := Open(path)
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
