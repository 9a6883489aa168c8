"""Run tapeline where AWS starts it: the Lambda function, and the commands of the SageMaker container."""
