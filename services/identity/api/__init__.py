"""Identity's RPCs: conversion of protobuf messages to calls, and of results to messages."""
