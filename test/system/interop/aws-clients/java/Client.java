// Asks KMS for 32 bytes, or with OPERATION=GetRandomPassword Secrets Manager for a password, and prints
// `ok SIZE` or `error CODE TEXT`. Argument: the endpoint, if any.
import java.net.URI;
import software.amazon.awssdk.awscore.client.builder.AwsClientBuilder;
import software.amazon.awssdk.awscore.exception.AwsServiceException;
import software.amazon.awssdk.core.exception.SdkClientException;
import software.amazon.awssdk.services.kms.KmsClient;
import software.amazon.awssdk.services.secretsmanager.SecretsManagerClient;

class Client {
    public static void main(String[] args) {
        var isPassword = "GetRandomPassword".equals(System.getenv("OPERATION"));
        try {
            System.out.println("ok " + (isPassword ? passwordLength(args) : size(args)));
        } catch (AwsServiceException error) {
            var details = error.awsErrorDetails();
            System.out.println("error " + details.errorCode() + " " + details.errorMessage());
        } catch (SdkClientException error) {
            System.out.println("error other " + error.getMessage());
        }
    }

    private static int size(String[] args) {
        try (var client = at(args, KmsClient.builder()).build()) {
            var answer = client.generateRandom(request -> request.numberOfBytes(32));
            return answer.plaintext().asByteArray().length;
        }
    }

    private static int passwordLength(String[] args) {
        try (var client = at(args, SecretsManagerClient.builder()).build()) {
            return client.getRandomPassword(request -> {}).randomPassword().length();
        }
    }

    private static <B extends AwsClientBuilder<B, ?>> B at(String[] args, B builder) {
        return args.length > 0 ? builder.endpointOverride(URI.create(args[0])) : builder;
    }
}
