// Asks KMS for 32 bytes, or with OPERATION=GetRandomPassword Secrets Manager for a password, and prints
// `ok SIZE` or `error CODE TEXT`. Argument: the endpoint, if any.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go"
)

func main() {
	ctx := context.Background()
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		panic(err)
	}
	var endpoint *string
	if len(os.Args) > 1 {
		endpoint = aws.String(os.Args[1])
	}
	ask := generateRandom
	if os.Getenv("OPERATION") == "GetRandomPassword" {
		ask = getRandomPassword
	}
	size, err := ask(ctx, cfg, endpoint)
	var failure smithy.APIError
	switch {
	case err == nil:
		fmt.Println("ok", size)
	case errors.As(err, &failure):
		fmt.Println("error", failure.ErrorCode(), failure.ErrorMessage())
	default:
		fmt.Println("error", "other", err)
	}
}

func generateRandom(ctx context.Context, cfg aws.Config, endpoint *string) (int, error) {
	client := kms.NewFromConfig(cfg, func(options *kms.Options) {
		if endpoint != nil {
			options.BaseEndpoint = endpoint
		}
	})
	answer, err := client.GenerateRandom(ctx, &kms.GenerateRandomInput{NumberOfBytes: aws.Int32(32)})
	if err != nil {
		return 0, err
	}
	return len(answer.Plaintext), nil
}

func getRandomPassword(ctx context.Context, cfg aws.Config, endpoint *string) (int, error) {
	client := secretsmanager.NewFromConfig(cfg, func(options *secretsmanager.Options) {
		if endpoint != nil {
			options.BaseEndpoint = endpoint
		}
	})
	answer, err := client.GetRandomPassword(ctx, &secretsmanager.GetRandomPasswordInput{})
	if err != nil {
		return 0, err
	}
	return len(*answer.RandomPassword), nil
}
