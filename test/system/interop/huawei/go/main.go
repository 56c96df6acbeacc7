// Calls gen-random or create-key with Huawei's SDK for Go or with OTC's; prints one JSON object a call.
//
// Arguments: huawei or otc, the endpoint, then each call as JSON: ak and sk, and where wanted securityToken; or
// token, and where wanted freshToken, which signing in again gives. With keyAlias a key of that name is created.
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
	"github.com/opentelekomcloud/gophertelekomcloud/openstack/kms/v1/keys"
)

type call struct {
	Ak, Sk, SecurityToken, Token, FreshToken, Length, KeyAlias string
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
	data, err := huaweiData(kms.NewKmsClient(client), call)
	var refusal *sdkerr.ServiceResponseError
	if errors.As(err, &refusal) {
		return outcome{"", refusal.StatusCode, refusal.ErrorCode, refusal.ErrorMessage, refusal.RequestId}, nil
	}
	if err != nil {
		return outcome{}, err
	}
	return outcome{Data: data}, nil
}

func huaweiData(client *kms.KmsClient, call call) (string, error) {
	if call.KeyAlias != "" {
		body := &model.CreateKeyRequestBody{KeyAlias: call.KeyAlias}
		response, err := client.CreateKey(&model.CreateKeyRequest{Body: body})
		if err != nil {
			return "", err
		}
		return *response.KeyInfo.KeyId, nil
	}
	body := &model.GenRandomRequestBody{RandomDataLength: call.Length}
	response, err := client.CreateRandom(&model.CreateRandomRequest{Body: body})
	if err != nil {
		return "", err
	}
	return *response.RandomData, nil
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
	data, err := otcData(&client, call)
	var body []byte
	var result outcome
	var unauthorized golangsdk.ErrDefault401
	var forbidden golangsdk.ErrDefault403
	var limited golangsdk.ErrDefault429
	switch {
	case errors.As(err, &unauthorized):
		result.Status, body = unauthorized.Actual, unauthorized.Body
	case errors.As(err, &forbidden):
		result.Status, body = forbidden.Actual, forbidden.Body
		var nested struct {
			Error map[string]string `json:"error"`
		}
		err = json.Unmarshal(body, &nested)
		result.Code, result.Message = nested.Error["error_code"], nested.Error["error_msg"]
		return result, err
	case errors.As(err, &limited):
		result.Status, body = limited.Actual, limited.Body
	default:
		return outcome{Data: data}, err
	}
	var flat map[string]string
	err = json.Unmarshal(body, &flat)
	result.Code, result.Message, result.Id = flat["error_code"], flat["error_msg"], flat["request_id"]
	return result, err
}

func otcData(client *golangsdk.ServiceClient, call call) (string, error) {
	if call.KeyAlias != "" {
		var key struct {
			KeyID string `json:"key_id"`
		}
		err := keys.Create(client, keys.CreateOpts{KeyAlias: call.KeyAlias}).ExtractKeyInfoInto(&key)
		return key.KeyID, err
	}
	var random struct {
		RandomData string `json:"random_data"`
	}
	members := map[string]string{"random_data_length": call.Length}
	options := golangsdk.RequestOpts{OkCodes: []int{200}}
	_, err := client.Post(client.ServiceURL("kms", "gen-random"), members, &random, &options)
	return random.RandomData, err
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
