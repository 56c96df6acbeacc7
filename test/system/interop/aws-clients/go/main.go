// Asks KMS for 32 bytes, and prints `ok SIZE` or `error CODE TEXT`. Argument: the endpoint, if any.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/smithy-go"
)

func main() {
	ctx := context.Background()
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		panic(err)
	}
	client := kms.NewFromConfig(cfg, func(options *kms.Options) {
		if len(os.Args) > 1 {
			options.BaseEndpoint = aws.String(os.Args[1])
		}
	})
	answer, err := client.GenerateRandom(ctx, &kms.GenerateRandomInput{NumberOfBytes: aws.Int32(32)})
	var failure smithy.APIError
	switch {
	case err == nil:
		fmt.Println("ok", len(answer.Plaintext))
	case errors.As(err, &failure):
		fmt.Println("error", failure.ErrorCode(), failure.ErrorMessage())
	default:
		fmt.Println("error", "other", err)
	}
}
