package main

import (
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"time"
)

// absent is a collection that does not exist, beside source, which is hidden from the rivals.
const absent = "/x/collections/99999999-9999-4999-8999-999999999999/"

// asks is how often each of the two is asked for.
const asks = 4000

// hiddenTakesAsLong compares how long a 404 takes for a collection that is hidden and for one that does not exist. The
// two are asked for in turn, so that what else the machine does meets both; the fifth of the times that is slowest is
// left out; and the difference of the means is compared with its standard error.
func hiddenTakesAsLong(p *process) error {
	var times [2][]float64 // microseconds: hidden, absent
	for n := range 2 * asks {
		began := time.Now()
		resp, err := p.http.Do(request(p, http.MethodGet, []string{source, absent}[n%2]+"objects/", "rival1", password, nil))
		if err != nil {
			return err
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if resp.StatusCode != http.StatusNotFound {
			return fmt.Errorf("a collection that is hidden or absent: got %d, want 404", resp.StatusCode)
		}
		times[n%2] = append(times[n%2], float64(time.Since(began).Nanoseconds())/1000)
	}
	hidden, hiddenError := trimmed(times[0])
	missing, missingError := trimmed(times[1])
	noise := math.Hypot(hiddenError, missingError)
	fmt.Printf("404 of what is hidden: %.1f µs, of what is absent: %.1f µs, standard error of the difference %.1f µs\n\n", hidden, missing, noise)
	if math.Abs(hidden-missing) > 5*noise+1 {
		return fmt.Errorf("the time of a 404 tells what is hidden from what is absent")
	}
	return nil
}

// trimmed returns the mean of the faster four fifths of times, and its standard error.
func trimmed(times []float64) (mean, standardError float64) {
	slices.Sort(times)
	times = times[:len(times)*4/5]
	for _, t := range times {
		mean += t / float64(len(times))
	}
	for _, t := range times {
		standardError += (t - mean) * (t - mean)
	}
	return mean, math.Sqrt(standardError) / float64(len(times))
}
