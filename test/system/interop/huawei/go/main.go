// Calls gen-random with Huawei's SDK for Go or with OTC's; prints one JSON object a call.
//
// Arguments: huawei or otc, the endpoint, then each call as JSON: ak and sk, and where wanted securityToken; or
// token, and where wanted freshToken, which signing in again gives.
package main

import (
	"encoding/json"
	"errors"
	"os"

	"github.com/huaweicloud/huaweicloud-sdk-go-v3/core/auth/basic"
	"github.com/huaweicloud/huaweicloud-sdk-go-v3/core/sdkerr"
	kms "github.com/huaweicloud/huaweicloud-sdk-go-v3/services/kms/v2"
	"github.com/huaweicloud/huaweicloud-sdk-go-v3/services/kms/v2/model"
	golangsdk "github.com/opentelekomcloud/gophertelekomcloud"
)

type call struct {
	Ak, Sk, SecurityToken, Token, FreshToken, Length string
}

type outcome struct {
	Data    string `json:"data,omitempty"`
	Status  int    `json:"status,omitempty"`
	Code    string `json:"code,omitempty"`
	Message string `json:"message,omitempty"`
	Id      string `json:"id,omitempty"`
}

func huawei(endpoint string, call call) (outcome, error) {
	credentials := basic.NewCredentialsBuilder().WithAk(call.Ak).WithSk(call.Sk).WithProjectId("project")
	if call.SecurityToken != "" {
		credentials.WithSecurityToken(call.SecurityToken)
	}
	signer, err := credentials.SafeBuild()
	if err != nil {
		return outcome{}, err
	}
	client, err := kms.KmsClientBuilder().WithEndpoint(endpoint).WithCredential(signer).SafeBuild()
	if err != nil {
		return outcome{}, err
	}
	body := &model.GenRandomRequestBody{RandomDataLength: call.Length}
	response, err := kms.NewKmsClient(client).CreateRandom(&model.CreateRandomRequest{Body: body})
	var refusal *sdkerr.ServiceResponseError
	if errors.As(err, &refusal) {
		return outcome{"", refusal.StatusCode, refusal.ErrorCode, refusal.ErrorMessage, refusal.RequestId}, nil
	}
	if err != nil {
		return outcome{}, err
	}
	return outcome{Data: *response.RandomData}, nil
}

// The provider client is what OTC's Terraform provider signs with; it has no operation for gen-random.
func otc(endpoint string, call call) (outcome, error) {
	retries := 0
	provider := golangsdk.ProviderClient{TokenID: call.Token, MaxBackoffRetries: &retries}
	if call.Ak != "" {
		provider.AKSKAuthOptions = golangsdk.AKSKAuthOptions{
			AccessKey:     call.Ak,
			SecretKey:     call.Sk,
			SecurityToken: call.SecurityToken,
			ProjectId:     "project",
		}
	}
	if call.FreshToken != "" {
		provider.ReauthFunc = func() error {
			provider.TokenID = call.FreshToken
			return nil
		}
	}
	client := golangsdk.ServiceClient{ProviderClient: &provider, Endpoint: endpoint + "/v1.0/project/"}
	var random struct {
		RandomData string `json:"random_data"`
	}
	members := map[string]string{"random_data_length": call.Length}
	options := golangsdk.RequestOpts{OkCodes: []int{200}}
	_, err := client.Post(client.ServiceURL("kms", "gen-random"), members, &random, &options)
	var body []byte
	var result outcome
	var unauthorized golangsdk.ErrDefault401
	var limited golangsdk.ErrDefault429
	switch {
	case errors.As(err, &unauthorized):
		result.Status, body = unauthorized.Actual, unauthorized.Body
	case errors.As(err, &limited):
		result.Status, body = limited.Actual, limited.Body
	default:
		return outcome{Data: random.RandomData}, err
	}
	var flat map[string]string
	err = json.Unmarshal(body, &flat)
	result.Code, result.Message, result.Id = flat["error_code"], flat["error_msg"], flat["request_id"]
	return result, err
}

func main() {
	ask := map[string]func(string, call) (outcome, error){"huawei": huawei, "otc": otc}[os.Args[1]]
	for _, text := range os.Args[3:] {
		var wanted call
		result := outcome{}
		err := json.Unmarshal([]byte(text), &wanted)
		if err == nil {
			result, err = ask(os.Args[2], wanted)
		}
		if err != nil {
			panic(err)
		}
		_ = json.NewEncoder(os.Stdout).Encode(result)
	}
}
