# Asks KMS for 32 bytes, and prints `ok SIZE` or `error CODE TEXT`. Argument: the endpoint, if any.
require 'aws-sdk-kms'

begin
  options = ARGV.empty? ? {} : { endpoint: ARGV[0] }
  puts "ok #{Aws::KMS::Client.new(**options).generate_random(number_of_bytes: 32).plaintext.bytesize}"
rescue Aws::Errors::ServiceError => e
  puts "error #{e.code} #{e.message}"
rescue Seahorse::Client::NetworkingError => e
  puts "error #{e.class} #{e.message}"
end
