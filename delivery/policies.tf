# What Terraform asks about the stacks' resources beyond ViewOnlyAccess: their settings, never the data in them.
data "aws_iam_policy_document" "settings" {
  statement {
    actions = [
      "application-autoscaling:ListTagsForResource", "athena:Get*", "budgets:View*", "budgets:ListTagsForResource",
      "cloudwatch:Get*", "cloudwatch:ListTagsForResource", "cognito-idp:Describe*", "cognito-idp:Get*",
      "dynamodb:Describe*", "dynamodb:ListTagsOfResource", "ec2:Describe*", "ecr:DescribeRepositories",
      "ecr:GetLifecyclePolicy", "ecr:GetRepositoryPolicy", "ecr:ListTagsForResource", "ecs:Describe*",
      "ecs:ListTagsForResource", "elasticloadbalancing:Describe*", "events:Describe*", "events:ListTagsForResource",
      "firehose:DescribeDeliveryStream", "firehose:ListTagsForDeliveryStream", "glue:GetDatabase", "glue:GetTable",
      "glue:GetTags", "iam:GetRole", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies", "iam:ListRolePolicies",
      "kinesis:DescribeStreamSummary", "kinesis:ListTagsForStream", "kms:DescribeKey", "kms:GetKeyPolicy",
      "kms:GetKeyRotationStatus", "kms:ListResourceTags", "lambda:GetAlias", "lambda:GetEventSourceMapping",
      "lambda:GetFunctionConfiguration", "lambda:GetFunction", "lambda:GetPolicy", "lambda:ListTags",
      "lambda:ListVersionsByFunction", "logs:ListTagsForResource", "quicksight:Describe*",
      "quicksight:ListTagsForResource", "s3:GetBucket*", "s3:GetEncryptionConfiguration",
      "s3:GetLifecycleConfiguration", "sagemaker:Describe*", "sagemaker:ListTags", "scheduler:GetSchedule",
      "sns:GetSubscriptionAttributes", "sns:GetTopicAttributes", "sns:ListTagsForResource",
    ]
    resources = ["*"] # descriptions; many of these know no narrower resource
  }
}

resource "aws_iam_role_policy" "settings" {
  for_each = local.subjects

  name   = "settings"
  role   = aws_iam_role.this[each.key].id
  policy = data.aws_iam_policy_document.settings.json
}

locals {
  named = [
    "athena", "cloudwatch", "dynamodb", "ecr", "ecs", "events", "firehose", "kinesis", "lambda", "logs", "sagemaker",
    "scheduler", "sns",
  ]
}

# What an apply changes. Services whose ARNs have names: only ours. Others: only what has, or is given, our tag.
data "aws_iam_policy_document" "apply" {
  statement {
    sid = "Named"
    actions = [
      "athena:*", "cloudwatch:*", "dynamodb:*", "ecr:*", "ecs:*", "events:*", "firehose:*", "kinesis:*", "lambda:*",
      "logs:*", "s3:*", "sagemaker:*", "scheduler:*", "sns:*",
    ]
    resources = concat(
      flatten([for name in local.ours : [
        "arn:${local.partition}:s3:::${name}",
        "arn:${local.partition}:s3:::${name}/*",
        "arn:${local.partition}:cloudwatch::${local.account}:dashboard/${name}",
      ]]),
      # The service must be named: IAM takes no wildcard there.
      [for pair in setproduct(local.named, local.ours) :
        "arn:${local.partition}:${pair[0]}:${var.region}:${local.account}:*${pair[1]}"
      ],
    )
  }

  statement {
    sid     = "GlueTables"
    actions = ["glue:*Database*", "glue:*Table*", "glue:TagResource", "glue:UntagResource"]
    resources = concat(
      ["arn:${local.partition}:glue:${var.region}:${local.account}:catalog"],
      [for name in local.ours : "arn:${local.partition}:glue:${var.region}:${local.account}:*/${name}"],
    )
  }

  statement {
    sid = "TaggedAsOurs"
    actions = [
      "cognito-idp:*", "ec2:*", "elasticloadbalancing:*", "kms:*", "lambda:*EventSourceMapping",
      "application-autoscaling:*", "quicksight:*",
    ]
    resources = ["*"]

    condition {
      test     = "StringEquals"
      variable = "aws:ResourceTag/project"
      values   = ["tapeline"]
    }
  }

  statement {
    sid = "MadeWithOurTag"
    actions = [
      "application-autoscaling:RegisterScalableTarget", "cognito-idp:CreateUserPool", "ec2:AllocateAddress",
      "ec2:Create*", "elasticloadbalancing:Create*", "kms:CreateKey", "lambda:CreateEventSourceMapping",
      "quicksight:Create*",
    ]
    resources = ["*"]

    condition {
      test     = "StringEquals"
      variable = "aws:RequestTag/project"
      values   = ["tapeline"]
    }
  }

  # The parts of a network that are joined to one with our tag; the requests carry no tag of their own.
  statement {
    sid       = "NetworkParts"
    actions   = ["ec2:Associate*", "ec2:Attach*", "ec2:AuthorizeSecurityGroup*", "ec2:CreateRoute", "ec2:ModifyVpcAttribute"]
    resources = ["arn:${local.partition}:ec2:${var.region}:${local.account}:*"]

    condition {
      test     = "StringEqualsIfExists"
      variable = "aws:ResourceTag/project"
      values   = ["tapeline"]
    }
  }

  statement {
    sid = "OwnRoles"
    actions = [
      "iam:CreateRole", "iam:DeleteRole", "iam:DeleteRolePolicy", "iam:PutRolePolicy", "iam:TagRole", "iam:UntagRole",
      "iam:UpdateAssumeRolePolicy", "iam:UpdateRole",
    ]
    resources = [for name in local.ours : "arn:${local.partition}:iam::${local.account}:role/${name}"]
  }

  statement {
    sid       = "HandOwnRoles"
    actions   = ["iam:PassRole"]
    resources = [for name in local.ours : "arn:${local.partition}:iam::${local.account}:role/${name}"]

    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values = [for service in ["ecs-tasks", "firehose", "lambda", "sagemaker", "scheduler", "vpc-flow-logs"] :
        "${service}.amazonaws.com"
      ]
    }
  }

  statement {
    sid       = "Budget"
    actions   = ["budgets:ModifyBudget", "budgets:TagResource"]
    resources = [for name in local.ours : "arn:${local.partition}:budgets::${local.account}:budget/${name}"]
  }

  # A role that could change itself could be anything.
  statement {
    sid       = "NotTheseRoles"
    effect    = "Deny"
    actions   = ["iam:*"]
    resources = concat([local.provider], [for role in aws_iam_role.this : role.arn])
  }
}

resource "aws_iam_policy" "apply" {
  name        = "${var.name_prefix}tapeline-apply"
  description = "What the job apply of deploy.yml may change"
  policy      = data.aws_iam_policy_document.apply.json
}

resource "aws_iam_role_policy_attachment" "apply" {
  role       = aws_iam_role.this["apply"].name
  policy_arn = aws_iam_policy.apply.arn
}
