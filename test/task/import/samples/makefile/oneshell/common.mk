PROJECT := shop-api
