// Asks KMS for 32 bytes, and prints `ok SIZE` or `error CODE TEXT`. Argument: the endpoint, if any.
import java.net.URI;
import software.amazon.awssdk.core.exception.SdkClientException;
import software.amazon.awssdk.services.kms.KmsClient;
import software.amazon.awssdk.services.kms.model.KmsException;

class Client {
    public static void main(String[] args) {
        var builder = KmsClient.builder();
        if (args.length > 0) builder.endpointOverride(URI.create(args[0]));
        try (var client = builder.build()) {
            var answer = client.generateRandom(request -> request.numberOfBytes(32));
            System.out.println("ok " + answer.plaintext().asByteArray().length);
        } catch (KmsException error) {
            var details = error.awsErrorDetails();
            System.out.println("error " + details.errorCode() + " " + details.errorMessage());
        } catch (SdkClientException error) {
            System.out.println("error other " + error.getMessage());
        }
    }
}
