package webhook

import "time"

// FirstDelay is the longest wait before the first retry.
func FirstDelay() time.Duration { return delays[0] }
